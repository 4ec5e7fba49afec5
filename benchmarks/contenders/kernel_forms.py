"""The ways to compute that the engine has, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.computing import kernels_for
from workers.engine.kernels.chunk import CHUNKED
from workers.engine.kernels.compiled import COMPILED
from workers.engine.kernels.plain import PLAIN

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Kernels

SERVED = "served"
FORMS = {kernels.name: kernels for kernels in (PLAIN, COMPILED, CHUNKED)}


class UnknownKernelsError(ValueError):
    """There is no such way to compute."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown kernels {name!r}; there are {', '.join(FORMS)}")


def kernels_named(name: str) -> Kernels:
    """Plain NumPy, compiled operations one by one, or whole chunks of steps where it covers them.

    "served" are those of a worker without a GPU. Raises UnknownKernelsError.
    """
    if name == SERVED:
        return kernels_for("cpu")
    if name not in FORMS:
        raise UnknownKernelsError(name)
    return FORMS[name]
