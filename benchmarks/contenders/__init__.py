"""Everybody who trains in the benchmark: one module per library, one process per contender."""
