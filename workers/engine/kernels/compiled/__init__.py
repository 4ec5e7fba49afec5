"""The hot loops compiled by Numba, each fused into one pass; what has none runs in NumPy."""
