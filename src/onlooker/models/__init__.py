"""Model files: their cards, where they lie, and the runtime that executes them."""
