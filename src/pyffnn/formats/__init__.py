"""Model files: how models are kept, and how older files are read."""
