"""The ways to compute that the engine has, by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Kernels

FORMS = {
    "plain": ("workers.engine.kernels.plain", "PLAIN"),
    "compiled": ("workers.engine.kernels.compiled", "COMPILED"),
    "chunk": ("workers.engine.kernels.chunk", "CHUNKED"),
}


class UnknownKernelsError(ValueError):
    """There is no such way to compute."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown kernels {name!r}; there are {', '.join(FORMS)}")


def kernels_named(name: str) -> Kernels:
    """Plain NumPy, compiled operations one by one, or whole chunks of steps where it covers them.

    Loaded when asked for, since the compiled ones load a compiler. Raises UnknownKernelsError.
    """
    if name not in FORMS:
        raise UnknownKernelsError(name)
    module, attribute = FORMS[name]
    kernels: Kernels = getattr(importlib.import_module(module), attribute)
    return kernels
