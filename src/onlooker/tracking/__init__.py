"""Faces over time: ids that last while a face is in sight, and its age and gender from many views."""
