"""Tensor by tensor: each gradient beside its finite difference, and the update put into numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.trace.differences import GATE_ABSOLUTE, GATE_RELATIVE, STEP, differences
from workers.engine.trace.numbers import chosen_entries
from workers.engine.trace.update import numbers_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workers.engine.network import Regularized
    from workers.engine.problem import Problem
    from workers.engine.tensors import Array
    from workers.engine.trace.numbers import Plain
    from workers.engine.trace.passes import Passes
    from workers.engine.trace.update import Update

_FLOPS = 2e10
"""What finite differences may cost: about a second. Of larger networks fewer entries are shown."""

_DERIVATIVES: Mapping[str, str] = {
    "weight": "dW = X^T dZ",
    "bias": "db = sum of the rows of dZ",
    "slope": "ds = sum over the rows of dA z where z <= 0",
    "scale": "d scale = sum over the rows of dA x_hat",
    "shift": "d shift = sum of the rows of dA",
    "phase": "dp = -sum over the rows of dC sin(2 pi f x + p), dC = dA W^T",
    "frequency": "df = -2 pi sum over the rows of x dC sin(2 pi f x + p), dC = dA W^T",
}

_OF_WAVES = {
    "weight": "dW = C^T dA, C = cos(2 pi f x + p)",
    "bias": "db = sum of the rows of dA",
}

_RULE = (
    "|gradient - difference| <= 1e-4 of the larger, or <= 1e-7 max(1, loss); at a kink there is no "
    "derivative to compare with"
)


class TensorTraces:
    """Says of each tensor of a network what its gradient is and how it moves.

    Of large tensors evenly spread entries are shown, whose places in the flattened tensor are
    `entries`; None stands for all of them.
    """

    def __init__(
        self, problem: Problem, parameters: Array, done: Passes, update: Update, plain: Plain
    ) -> None:
        self._problem = problem
        self._before = parameters
        self._done = done
        self._update = update
        self._plain = plain
        self._shapes = problem.network.trainable.shapes
        per_entry = 4.0 * problem.network.n_parameters * len(problem.data.X)
        self._entries = chosen_entries(self._shapes, int(_FLOPS / per_entry))
        self._places = _flat_places(problem, self._entries)

    def gradients(self, *, on_kink: bool) -> dict[str, Any]:
        """Every gradient shown beside its finite difference, with what they are judged by."""
        places = np.concatenate(list(self._places.values()))
        gradient = self._done.gradient[places]
        found = differences(self._problem, self._before, places, gradient, on_kink=on_kink)
        derivatives = self._derivatives()
        tensors, start = [], 0
        for name, own in self._places.items():
            part = slice(start, start + len(own))
            start = part.stop
            tensors.append(
                self._head(name)
                | {
                    "derivative": derivatives[name],
                    "gradient": self._plain(f"gradient {name}", gradient[part]),
                    "finite_difference": self._plain(f"difference {name}", found.central[part]),
                    "relative_error": self._plain(f"error {name}", found.relative[part]),
                    "at_kink": np.flatnonzero(found.at_kink[part]).tolist(),
                    "passed": bool(found.passed[part].all()),
                }
            )
        smooth = found.relative[~found.at_kink]
        worst = float(smooth.max()) if len(smooth) else 0.0
        return {
            "step": f"(L(w + h) - L(w - h)) / 2h, h = {STEP:g} max(1, |w|), in doubt a tenth of it",
            "gate": {"relative": GATE_RELATIVE, "absolute": GATE_ABSOLUTE, "rule": _RULE},
            "parameters": self._problem.network.n_trainable,
            "checked": len(places),
            "worst_relative_error": self._plain.number("gradients worst_relative_error", worst),
            "passed": bool(found.passed.all()),
            "tensors": tensors,
        }

    def update(self) -> dict[str, Any]:
        """The step of the optimiser: formula, numbers, and every tensor shown before and after."""
        spec, update = self._problem.spec, self._update
        after = update.after[: self._problem.network.n_trainable]
        off = np.abs(after - update.by_formula).max(initial=0.0)
        return {
            "optimizer": spec.optimizer.type,
            "formula": update.step.formula,
            "source": spec.optimizer.formula.source,
            "numbers": numbers_of(spec.optimizer),
            "clipping": self._clipping(),
            "engine_minus_formula": self._plain.number("update engine_minus_formula", float(off)),
            "tensors": [self._moved(name, places) for name, places in self._places.items()],
            "buffers": self._buffers(),
        }

    def _moved(self, name: str, places: NDArray[np.intp]) -> dict[str, Any]:
        update, plain = self._update, self._plain
        quantities = {"w": self._before, "g": update.clipped, **update.step.quantities}
        shown = {symbol: array[places] for symbol, array in quantities.items()}
        after = update.after[places]
        ema = {} if update.ema is None else {"ema": plain(f"ema {name}", update.ema[places])}
        return (
            self._head(name)
            | {
                "before": plain(f"before {name}", shown.pop("w")),
                "gradient": plain(f"update gradient {name}", shown.pop("g")),
                "quantities": {s: plain(f"{s} {name}", array) for s, array in shown.items()},
                "after": plain(f"after {name}", after),
                "worked": self._worked(name, int(places[0]), quantities),
            }
            | ema
        )

    def _worked(self, name: str, place: int, quantities: Mapping[str, Array]) -> str:
        """The formula with the numbers of a tensor's first entry put in."""
        numbers = numbers_of(self._problem.spec.optimizer)
        numbers |= {symbol: float(array[place]) for symbol, array in quantities.items()}
        written = {
            symbol: f"({value:.6g})" if isinstance(value, float) and value < 0 else f"{value:.6g}"
            for symbol, value in numbers.items()
            if not isinstance(value, bool)
        }
        step, bounded = self._update.step.after[place], self._update.by_formula[place]
        line = f"{name}[0] = {self._update.step.worked.format(**written)} = {step:.6g}"
        return line if bounded == step else f"{line}, and {bounded:.6g} within max_norm"

    def _clipping(self) -> dict[str, Any] | None:
        spec, update = self._problem.spec, self._update
        if spec.clip_norm is None and spec.clip_value is None:
            return None
        return {
            "formula": "each g within +-clip_value, then g min(1, clip_norm / (norm + 1e-6))",
            "clip_value": spec.clip_value,
            "clip_norm": spec.clip_norm,
            "norm": self._plain.number("update norm", update.norm),
            "factor": self._plain.number("update factor", update.factor),
        }

    def _buffers(self) -> list[dict[str, Any]]:
        network = self._problem.network
        before = network.layout.views(self._before)
        after = network.layout.views(self._done.moved)
        names = [name for name in network.layout.names if name not in self._shapes]
        return [
            {
                "tensor": name,
                "formula": "running = momentum running + (1 - momentum) of this batch",
                "before": self._plain(f"before {name}", before[name]),
                "after": self._plain(f"after {name}", after[name]),
            }
            for name in names
        ]

    def _head(self, name: str) -> dict[str, Any]:
        shape, entries = self._shapes[name], self._entries[name]
        whole = len(entries) == int(np.prod(shape))
        return {
            "tensor": name,
            "shape": list(shape),
            "entries": None if whole else entries.tolist(),
        }

    def _derivatives(self) -> dict[str, str]:
        """How each gradient comes from the error dZ, or dA, of its layer."""
        network = self._problem.network
        penalties = {tensor.tensor: _penalty(tensor) for tensor in network.regularized}
        return {
            tensor.name: derivative_of(part.type, tensor.name) + penalties.get(tensor.name, "")
            for part in network.parts()
            for tensor in part.tensors()
            if tensor.name in self._shapes
        }


def derivative_of(kind: str, tensor: str) -> str:
    """The gradient of a tensor of a layer of this type, by the chain rule."""
    if kind == "embedding":
        return "dE[level] = sum of dX over the rows with that level"
    if kind == "numeric_embedding" and tensor.endswith((".weight", ".bias")):
        return _OF_WAVES[tensor.rpartition(".")[2]]
    return _DERIVATIVES[tensor.rpartition(".")[2]]


def _penalty(tensor: Regularized) -> str:
    l1 = f" + {tensor.l1:g} sign(W)" if tensor.l1 else ""
    return l1 + (f" + {tensor.l2:g} W" if tensor.l2 else "")


def _flat_places(
    problem: Problem, entries: Mapping[str, NDArray[np.intp]]
) -> dict[str, NDArray[np.intp]]:
    """Where each tensor's entries stand in the vector of parameters."""
    every = problem.network.trainable.views(np.arange(problem.network.n_trainable))  # type: ignore[arg-type]
    return {name: every[name].reshape(-1)[own].astype(np.intp) for name, own in entries.items()}
