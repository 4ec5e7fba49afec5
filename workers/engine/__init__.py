"""The from-scratch training engine: a leaf library on NumPy."""
