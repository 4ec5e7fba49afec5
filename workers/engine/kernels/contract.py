"""What the hot loops of training are, so that they can be computed in more than one way.

A kernel is made once for a shape and a dtype, owns its scratch memory, and from then on allocates
nothing. All of them run under `numpy.errstate(all="ignore")`, set by the caller once per chunk:
an overflow is found by the check of loss and parameters, not by a warning.

Shapes are those of one network, (B, O) and (P,), or those of K stacked members, (K, B, O) and
(K, P): whatever stands before the axes named here is carried along, and a member gets the bits
that it would get alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workers.engine.backend import DType
    from workers.engine.tensors import Array, Memory, Shape

Coefficients = tuple[Any, ...]
"""The numbers of one optimiser step, each a float, or (K, 1) for stacked members."""


class ActivationKernel(Protocol):
    """One activation function `a = f(z)` on arrays of one shape."""

    def forward(self, z: Array) -> None:
        """Replace z (B, O) by f(z)."""

    def backward(self, a: Array, da: Array) -> None:
        """Replace da = dL/da (B, O) by dL/dz, where a = f(z) is what the last `forward` left."""


ActivationFactory = Callable[["Memory", "Shape", bool], ActivationKernel]
"""Memory, shape (B, O), learning: without it the kernel is never asked to go backward."""


PreluFactory = Callable[["Memory", "Shape", "Array", "Array | None"], ActivationKernel]
"""Memory, shape (B, O), slopes (O,), and where their gradient (O,) is left when learning."""


class MaskKernel(Protocol):
    """The masks of one dropout layer, as `engine/philox.py` defines them."""

    def __call__(self, batch: int, mask: Array) -> None:
        """Set mask (B, O) to 1 / (1 - rate) where an element is kept, else to 0."""


MaskFactory = Callable[["Memory", "Shape", tuple[int, ...], int, float], MaskKernel]
"""Memory, shape (B, O), a seed for each member, the dropout layer's number from 0, rate."""


class LossKernel(Protocol):
    """One loss on batches of one shape: value and gradient together."""

    def __call__(
        self, scores: Array, targets: Any, weights: Array | None, gradient: Array, value: Array
    ) -> None:
        """Leave the (weighted) mean loss in `value` () and dL/dscores in `gradient` (B, K).

        targets (B, K) numbers, or (B,) class labels of type intp. weights (B,) >= 0: the sum of
        the weighted losses is divided by the sum of the weights. `scores` may be overwritten.
        """


LossFactory = Callable[[Any, "Memory", "Shape"], LossKernel]
"""The specification of the loss, memory, shape (B, K)."""


class UpdateVectors(NamedTuple):
    """What an optimiser moves: parameters (P,) along the gradient (P,), with its slots (P,).

    The first `n_decayed` are the weights, on which alone a decay acts.
    """

    parameters: Array
    gradient: Array
    slots: Mapping[str, Array]
    n_decayed: int


class Update(Protocol):
    """A step of one optimiser on the vectors it is bound to."""

    def __call__(self, coefficients: Coefficients) -> None:
        """Move the parameters; the numbers are those of `optimizers.coefficients` for the step."""


UpdateFactory = Callable[[Any, "Memory", UpdateVectors], Update]
"""The specification of the optimiser, memory, and the vectors to bind."""


class Staging(Protocol):
    """Memory of the host from which a device copies fast."""

    rows: NDArray[Any]

    def send(self, count: int, target: Array) -> None:
        """Copy the first `count` rows to an array of the device; they are then free again."""


class Upload(NamedTuple):
    """How rows come to a device: a table of so many bytes as a whole if it `holds` that.

    Else its batches are gathered on the host, in memory of a shape and dtype made by `staging`.
    """

    holds: Callable[[int], bool]
    staging: Callable[[Shape, DType], Staging]


Chunk = Callable[..., Any]
"""Many steps of training in one call that holds no lock; `engine/steps/chunked.py` says which."""


@dataclass(frozen=True, eq=False)
class Kernels:
    """One complete way to compute the hot loops; `name` is part of the numerics fingerprint.

    `xp` is the array module: NumPy, or one with its functions for arrays on another device, from
    and to which `to_host` and `to_device` copy. Losses are looked at every `steps_per_check`
    steps: reading one waits for the device. `activations` has every pointwise activation, softmax
    and exponential; `losses` and `updates` go by the `type` of their specifications, but for
    L-BFGS, which is no pass over vectors. Without a `mask` of their own they take that of
    `engine/philox.py`. `chunk` is for what `chunked.covers`. `upload` is there on other devices
    than the host; `numerics` is what decides their bits beside the host's own libraries.
    """

    name: str
    xp: Any
    activations: Mapping[str, ActivationFactory]
    prelu: PreluFactory
    losses: Mapping[str, LossFactory]
    updates: Mapping[str, UpdateFactory]
    to_host: Callable[[Any], Any]
    to_device: Callable[[Any], Any]
    mask: MaskFactory | None = None
    steps_per_check: int = 1
    chunk: Chunk | None = None
    upload: Upload | None = None
    numerics: Mapping[str, Any] = field(default_factory=dict)


__all__ = [
    "ActivationFactory",
    "ActivationKernel",
    "Chunk",
    "Coefficients",
    "Kernels",
    "LossFactory",
    "LossKernel",
    "MaskFactory",
    "MaskKernel",
    "PreluFactory",
    "Staging",
    "Update",
    "UpdateFactory",
    "UpdateVectors",
    "Upload",
]
