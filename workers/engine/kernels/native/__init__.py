"""Compiled kernels as machine code in files: where they lie, and how a process calls them.

A process that trains needs no compiler: it loads what `kernels.source` was compiled to.
"""
