"""A simulated store: policies side by side on the same people. What it finds is no promise about real ones."""
