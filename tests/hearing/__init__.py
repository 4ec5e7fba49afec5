"""A worker that goes deaf, and what becomes of it."""
