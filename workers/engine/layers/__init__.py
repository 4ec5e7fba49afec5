"""The kinds of layers, one per file."""
