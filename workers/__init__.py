"""The workers: the training engine, table handling, and the processes that run them."""

import os

# Before anything imports NumPy: bits depend on the number of BLAS threads. Scale is by processes.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
