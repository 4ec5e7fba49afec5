"""How an elementwise kernel is declared: its arrays and a body in CUDA C.

Bodies keep to a part of C that can be read in one way only: straight-line code of declarations,
assignments, `?:` and mathematical functions, with every number that is not whole inside `T(...)`,
so that single precision stays single. An output may be the same array as an input, so a body
reads no input after its first output is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Elementwise(NamedTuple):
    """`reads` and `writes` are parameters such as "T z, int64 label"; T is the precision.

    In the body a name stands for the element at hand, and `i` for its place in C order.
    """

    name: str
    reads: str
    writes: str
    body: str


Launch = Callable[..., None]
"""Takes what is read, arrays or numbers broadcast against each other, then the arrays written."""

Compile = Callable[[Elementwise], Launch]


def number(value: float) -> str:
    """A constant in the precision of the kernel, with all its digits."""
    return f"T({value!r})"
