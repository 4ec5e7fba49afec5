"""Chaos: the whole service under faults drawn from a seed, and what must hold all the same.

`make chaos SEED=1 MINUTES=10 DATABASE=postgresql` starts everything it needs on this machine, for
itself alone, and prints a report; its exit code is 1 where a promise was broken.
"""
