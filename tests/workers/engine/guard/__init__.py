"""An array module that behaves like CuPy on the host, so that GPU code runs in every test."""
