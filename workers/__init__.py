"""The workers: the training engine, table handling, and the processes that run them."""
