"""The steps of the optimisers, each one pass over the flat vectors in one launch.

Slots and coefficients are those of `kernels.plain.updates`: mean gradients and squares are kept as
sums, M = m / (1 - beta).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workers.engine.kernels.fused.elementwise import Elementwise

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.kernels.contract import Coefficients, UpdateFactory, UpdateVectors
    from workers.engine.kernels.fused.elementwise import Compile
    from workers.engine.tensors import Memory


class Form(NamedTuple):
    """One form of an optimiser: its coefficients, its constants, its slots, and a step.

    In `body` the new values of w and the slots are computed under the names next_w, next_m ...;
    `constants` are attributes of the specification.
    """

    name: str
    coefficients: tuple[str, ...]
    constants: tuple[str, ...]
    slots: tuple[str, ...]
    body: str

    def kernel(self) -> Elementwise:
        """Nothing is written before all is read."""
        names = {slot: _NAMES.get(slot, slot) for slot in ("w", *self.slots)}
        numbers = (*self.coefficients, *self.constants, "g")
        stored = " ".join(f"{name} = next_{name};" for name in names.values())
        return Elementwise(
            f"{self.name}_step",
            ", ".join(f"T {name}" for name in numbers),
            ", ".join(f"T {name}" for name in names.values()),
            f"{self.body} {stored}",
        )


_NAMES = {"velocity": "b"}

_MOMENTS = "const T next_m = beta1 * m + g; const T next_v = beta2 * v + g * g;"
_ADAM_STEP = "rate * next_m / (sqrt(next_v) + epsilon)"

SGD = Form("sgd", ("rate",), (), (), "const T next_w = w - rate * g;")
MOMENTUM = Form(
    "momentum",
    ("rate",),
    ("momentum",),
    ("velocity",),
    "const T next_b = momentum * b + g; const T next_w = w - rate * next_b;",
)
NESTEROV = Form(
    "nesterov",
    ("rate",),
    ("momentum",),
    ("velocity",),
    "const T next_b = momentum * b + g; const T next_w = w - rate * (momentum * next_b + g);",
)
ADAM = Form(
    "adam",
    ("rate", "epsilon"),
    ("beta1", "beta2"),
    ("m", "v"),
    f"{_MOMENTS} const T next_w = w - {_ADAM_STEP};",
)
NADAM = Form(
    "nadam",
    ("rate_m", "rate_g", "epsilon"),
    ("beta1", "beta2"),
    ("m", "v"),
    f"{_MOMENTS} const T root = sqrt(next_v) + epsilon;"
    "const T next_w = w - rate_g * g / root - rate_m * next_m / root;",
)
ADAMAX = Form(
    "adamax",
    ("rate",),
    ("beta1", "beta2", "epsilon"),
    ("m", "u"),
    "const T next_m = beta1 * m + g; const T size = fabs(g) + epsilon;"
    "const T next_u = beta2 * u > size ? beta2 * u : size;"
    "const T next_w = w - rate * next_m / next_u;",
)
ADAGRAD = Form(
    "adagrad",
    ("rate",),
    ("epsilon",),
    ("v",),
    "const T next_v = v + g * g; const T next_w = w - rate * g / (sqrt(next_v) + epsilon);",
)
ADADELTA = Form(
    "adadelta",
    ("rate", "epsilon"),
    ("rho",),
    ("v", "u"),
    "const T next_v = rho * v + g * g;"
    "const T d = sqrt((u + epsilon) / (next_v + epsilon)) * g;"
    "const T next_u = rho * u + d * d; const T next_w = w - rate * d;",
)


def _rmsprop(*, centered: bool, momentum: bool) -> Form:
    # A variance is never negative, but a difference of rounded numbers may be.
    spread = (
        "const T next_a = alpha * a + g;"
        "const T difference = next_v - (T(1) - alpha) * next_a * next_a;"
        "const T variance = difference < T(0) ? T(0) : difference;"
        if centered
        else "const T variance = next_v;"
    )
    along = "const T next_b = momentum * b + s;" if momentum else ""
    return Form(
        "rmsprop" + "_centered" * centered + "_momentum" * momentum,
        ("rate", "epsilon"),
        ("alpha", *(("momentum",) if momentum else ())),
        ("v", *(("a",) if centered else ()), *(("velocity",) if momentum else ())),
        f"const T next_v = alpha * v + g * g; {spread}"
        f"const T s = g / (sqrt(variance) + epsilon); {along}"
        f"const T next_w = w - rate * {'next_b' if momentum else 's'};",
    )


RMSPROP = {
    (centered, momentum): _rmsprop(centered=centered, momentum=momentum)
    for centered in (False, True)
    for momentum in (False, True)
}


def _sgd_form(spec: Any) -> Form:
    if spec.momentum == 0.0:
        return SGD
    return NESTEROV if spec.nesterov else MOMENTUM


_FORMS: dict[str, Callable[[Any], Form]] = {
    "sgd": _sgd_form,
    "adam": lambda _spec: ADAM,
    "rmsprop": lambda spec: RMSPROP[spec.centered, spec.momentum > 0.0],
    "adagrad": lambda _spec: ADAGRAD,
    "adadelta": lambda _spec: ADADELTA,
    "adamax": lambda _spec: ADAMAX,
    "nadam": lambda _spec: NADAM,
}

FORMS = (SGD, MOMENTUM, NESTEROV, ADAM, NADAM, ADAMAX, ADAGRAD, ADADELTA, *RMSPROP.values())
DECAY = Elementwise("decay", "T decay", "T w", "const T kept = decay * w; w = kept;")


class FusedUpdate:
    """A step of one form on the vectors it is bound to; the gradient is left as it is."""

    def __init__(
        self, form: Form, compiled: Compile, spec: Any, vectors: UpdateVectors, numbers: _Numbers
    ) -> None:
        self._launch = compiled(form.kernel())
        self._numbers = numbers
        self._constants = [float(getattr(spec, name)) for name in form.constants]
        self._gradient = vectors.gradient
        moved = vectors.parameters[..., : vectors.gradient.shape[-1]]
        self._written = (moved, *(vectors.slots[name] for name in form.slots))

    def __call__(self, coefficients: Coefficients) -> None:
        """Move the parameters."""
        numbers = self._numbers(coefficients)
        self._launch(*numbers, *self._constants, self._gradient, *self._written)


class DecayedUpdate:
    """Adam after w *= decay on the weights alone (Loshchilov and Hutter 2019)."""

    def __init__(
        self, compiled: Compile, spec: Any, vectors: UpdateVectors, numbers: _Numbers
    ) -> None:
        self._adam = FusedUpdate(ADAM, compiled, spec, vectors, numbers)
        self._decay = compiled(DECAY)
        self._numbers = numbers
        self._decayed = vectors.parameters[..., : vectors.n_decayed]

    def __call__(self, coefficients: Coefficients) -> None:
        """Move the parameters; the coefficients are Adam's two with the decay."""
        *adam, decay = coefficients
        self._decay(*self._numbers((decay,)), self._decayed)
        self._adam(tuple(adam))


class _Numbers:
    """Coefficients for a launch: a number travels with it, those of members (K, 1) before it."""

    def __init__(self, to_device: Callable[[Any], Any], memory: Memory) -> None:
        self._to_device = to_device
        self._dtype = memory.dtype

    def __call__(self, coefficients: Coefficients) -> list[Any]:
        return [
            self._to_device(number.astype(self._dtype))
            if isinstance(number, np.ndarray) and number.ndim > 0
            else float(number)
            for number in coefficients
        ]


def factories(compiled: Compile, to_device: Callable[[Any], Any]) -> dict[str, UpdateFactory]:
    """Every optimiser by its name, but for L-BFGS, which is no pass over vectors."""

    def make(name: str) -> UpdateFactory:
        def bind(spec: Any, memory: Memory, vectors: UpdateVectors) -> FusedUpdate:
            numbers = _Numbers(to_device, memory)
            return FusedUpdate(_FORMS[name](spec), compiled, spec, vectors, numbers)

        return bind

    def adamw(spec: Any, memory: Memory, vectors: UpdateVectors) -> DecayedUpdate:
        return DecayedUpdate(compiled, spec, vectors, _Numbers(to_device, memory))

    return {name: make(name) for name in _FORMS} | {"adamw": adamw}
