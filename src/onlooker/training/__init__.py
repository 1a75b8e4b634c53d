"""Learning age and gender from labelled faces: the only room, beside the report's, where torch exists."""
