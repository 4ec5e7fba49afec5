"""The devices to test on: the guard always, and a GPU where CuPy finds one."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tests.workers.engine.guard.kernels import Transfers, guard_kernels

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.kernels.contract import Kernels


def _guard() -> Kernels:
    return guard_kernels(Transfers())


def _devices() -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {"guard": _guard}
    if find_spec("cupy") is not None:
        backend = import_module("workers.engine.backend_cuda")
        if backend.is_available():
            backend.take_gpu()
            found["cuda"] = import_module("workers.engine.kernels.cuda").cuda_kernels
    return found


DEVICES = _devices()
