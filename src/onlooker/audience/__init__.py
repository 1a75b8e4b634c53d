"""Who stands in front of a screen, as probabilities; no picture, no identity, nothing that outlives a track."""
