"""The GPU's kernels on guard arrays: the same orchestration, the same bodies, no GPU."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.workers.engine.guard.arrays import GuardArray, host_of, wrapped
from tests.workers.engine.guard.c_bodies import Body
from tests.workers.engine.guard.module import GuardModule
from workers.engine.kernels.contract import Upload
from workers.engine.kernels.fused import Device, fused_kernels

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Kernels
    from workers.engine.kernels.fused.elementwise import Elementwise, Launch

_FIXED: dict[str, np.dtype[Any]] = {"int64": np.dtype(np.int64), "uint32": np.dtype(np.uint32)}


class Transfers:
    """Copies between host and device, counted."""

    def __init__(self) -> None:
        self.to_host_count = 0
        self.to_device_count = 0
        self.to_host_bytes = 0

    def to_host(self, array: Any) -> Any:
        """A copy of an array of the device."""
        self.to_host_count += 1
        if not isinstance(array, GuardArray):
            raise TypeError("only arrays of the device are copied from it")
        self.to_host_bytes += array.nbytes
        return host_of(array).copy()

    def to_device(self, array: Any) -> GuardArray:
        """A copy of an array of the host; one of the device itself, as in CuPy."""
        if isinstance(array, GuardArray):
            return array
        self.to_device_count += 1
        if not isinstance(array, np.ndarray):
            raise TypeError("only arrays are copied to the device")
        return wrapped(array.copy())


def parameters(declaration: str) -> list[tuple[str, str]]:
    """Types and names of "T z, int64 label"."""
    return [(kind, name) for kind, name in (p.split() for p in declaration.split(", "))]


def compile_on_host(kernel: Elementwise) -> Launch:
    """What `cupy.ElementwiseKernel` makes of it, with its checks of shapes and types."""
    reads, writes = parameters(kernel.reads), parameters(kernel.writes)
    body = Body(kernel.body, *(tuple(name for _, name in group) for group in (reads, writes)))
    everything = [*reads, *writes]

    def launch(*arguments: Any) -> None:
        if len(arguments) != len(everything):
            raise TypeError(f"{kernel.name} takes {len(everything)} arguments")
        precision = _precision(kernel.name, everything, arguments)
        values = [host_of(argument) for argument in arguments]
        outputs = values[len(reads) :]
        shape = np.broadcast_shapes(*(np.shape(value) for value in values))
        if any(output.shape != shape for output in outputs):
            raise ValueError(f"{kernel.name}: Out shape is mismatched")
        names: dict[str, Any] = {"i": np.arange(np.prod(shape, dtype=np.int64)).reshape(shape)}
        for (kind, name), value in zip(everything, values, strict=True):
            is_number = not isinstance(value, np.ndarray)
            names[name] = _FIXED.get(kind, precision).type(value) if is_number else value
        with np.errstate(all="ignore"):
            found = body.run(names, precision)
        for (_, name), output in zip(writes, outputs, strict=True):
            np.copyto(output, found[name], casting="same_kind")

    return launch


def _precision(
    name: str, declared: list[tuple[str, str]], arguments: tuple[Any, ...]
) -> np.dtype[Any]:
    types = set[np.dtype[Any]]()
    for (kind, _), argument in zip(declared, arguments, strict=True):
        if not isinstance(argument, GuardArray):
            continue
        if kind == "T":
            types.add(argument.dtype)
        elif argument.dtype != _FIXED[kind]:
            raise TypeError(f"{name}: {kind} expected, not {argument.dtype}")
    if len(types) != 1:
        raise TypeError(f"{name}: T cannot be all of {types}")
    return types.pop()


class GuardRows:
    """Where rows wait that do not lie on the device."""

    def __init__(self, shape: Any, dtype: Any) -> None:
        self.rows = np.empty(shape, dtype)

    def send(self, count: int, target: Any) -> None:
        """Copy the first rows to an array of the device."""
        target[...] = wrapped(self.rows[:count].copy())


def guard_kernels(transfers: Transfers, *, room: float = math.inf) -> Kernels:
    """The kernels of a GPU on guard arrays, with their copies counted.

    room: bytes that a table may have to lie on the device.
    """
    device = Device(
        name="guard",
        xp=GuardModule(),
        compile=compile_on_host,
        to_host=transfers.to_host,
        to_device=transfers.to_device,
        upload=Upload(lambda n_bytes: n_bytes <= room, GuardRows),
        numerics={"device": "guard"},
    )
    return fused_kernels(device)
