"""How wrong is it: metrics with intervals, and the loop that runs an analyzer over labelled faces. Needs no torch."""
