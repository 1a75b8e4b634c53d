"""Labelled faces: reading their labels, finding their duplicates, and splitting them."""
