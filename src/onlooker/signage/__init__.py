"""What a screen plays, and why: campaigns, the choice of an advert, learning and a simulated store. Pure: no camera,
no page, no database, no picture."""
