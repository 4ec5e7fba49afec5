"""The kernels as Numba compiles them; no process but that of a compilation imports this."""
