"""One step of training taken apart: what a network computes, as plain data to read and to check."""
