"""The hot loops for arrays on another device: elementwise work fused, in CUDA C.

Nothing here imports the device's array library: it is given, with its compiler, by whoever makes
the kernels (`kernels.cuda`; in the tests a module that behaves like CuPy on the host).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from workers.engine.kernels.contract import Kernels
from workers.engine.kernels.fused import (
    activations,
    dropout,
    losses,
    losses_softmax,
    prelu,
    softmax,
    updates,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workers.engine.kernels.contract import Upload
    from workers.engine.kernels.fused.elementwise import Compile

STEPS_PER_CHECK = 32
"""Reading a loss waits until the device has caught up with everything it was told."""


class Device(NamedTuple):
    """An array library with NumPy's functions, its compiler, copies to and from it, its facts."""

    name: str
    xp: Any
    compile: Compile
    to_host: Callable[[Any], Any]
    to_device: Callable[[Any], Any]
    upload: Upload
    numerics: Mapping[str, Any]


def fused_kernels(device: Device) -> Kernels:
    """All kernels on one device, each compiled once, when it is first needed."""
    compiled: Compile = cache(device.compile)
    return Kernels(
        name=device.name,
        xp=device.xp,
        activations=activations.factories(compiled) | {"softmax": softmax.factory(compiled)},
        prelu=prelu.factory(compiled),
        losses=losses.factories(compiled)
        | {
            "softmax_cross_entropy": losses_softmax.cross_entropy(compiled),
            "focal": losses_softmax.focal(compiled),
        },
        updates=updates.factories(compiled, device.to_device),
        to_host=device.to_host,
        to_device=device.to_device,
        mask=dropout.factory(compiled, device.to_device),
        steps_per_check=STEPS_PER_CHECK,
        upload=device.upload,
        numerics=device.numerics,
    )
