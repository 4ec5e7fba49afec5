"""The cases that both sides compute, with their inputs, and the gate for each kind of case."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Arrays = dict[str, NDArray[Any]]

ACTIVATIONS = ("identity", "sigmoid", "tanh", "relu", "softmax")
HEADS = (
    ("mse", "identity"),
    ("mse", "sigmoid"),
    ("mse", "tanh"),
    ("mse", "relu"),
    ("mse", "softmax"),
    ("binary_cross_entropy", "sigmoid"),
    ("softmax_cross_entropy", "softmax"),
)
OPTIMIZERS: tuple[dict[str, Any], ...] = (
    {"type": "sgd", "learning_rate": 0.05},
    {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    {"type": "adam", "learning_rate": 0.01},
    {"type": "adam", "learning_rate": 0.01, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
)

GATES = {
    "activation": 1e-12,
    "loss": 1e-12,
    "gradient": 1e-12,
    "optimizer": 1e-12,
    "training": 1e-10,
    "training_float32": 1e-5,
}
"""The largest allowed deviation, |ours - theirs| / max(1, |theirs|), of any number of a case."""


@dataclass(frozen=True)
class Case:
    """One computation: `kind` names it, `options` are plain data, `inputs` the numbers."""

    name: str
    kind: str
    options: dict[str, Any]
    inputs: Arrays


def deviation(ours: Arrays, theirs: Arrays) -> float:
    """The largest of |ours - theirs| / max(1, |theirs|); infinite where one side is not finite."""
    assert ours.keys() == theirs.keys()
    worst = 0.0
    for name, expected in theirs.items():
        found = np.asarray(ours[name], np.float64)
        expected = np.asarray(expected, np.float64)
        assert found.shape == expected.shape, name
        with np.errstate(invalid="ignore"):
            gaps = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
        worst = max(worst, float(np.where(np.isfinite(gaps), gaps, np.inf).max(initial=0.0)))
    return worst


def cases(seed: int) -> Iterator[Case]:
    """All cases; the seed decides the numbers and, but for 0, the shapes."""
    rng = np.random.default_rng(seed)
    yield from _activations(rng)
    yield from _losses(rng)
    yield from _optimizers(rng)
    yield from _gradients(rng, seed)
    yield from _trainings(rng, seed)


def _activations(rng: np.random.Generator) -> Iterator[Case]:
    for activation in ACTIVATIONS:
        z = np.concatenate([rng.normal(0, 3, (6, 5)), [[-900, -40, 0, 40, 900]]])
        inputs = {"z": z, "da": rng.normal(size=z.shape)}
        yield Case(f"activation {activation}", "activation", {"activation": activation}, inputs)


def _losses(rng: np.random.Generator) -> Iterator[Case]:
    for loss, activation in HEADS:
        for size in (1.0, 900.0, 1e4):
            shape = (7, 1) if loss == "binary_cross_entropy" else (7, 4)
            inputs = {"z": size * rng.normal(size=shape), "y": _targets(rng, loss, shape)}
            options = {"loss": loss, "activation": activation}
            yield Case(f"loss {loss} {activation} x{size:g}", "loss", options, inputs)


def _optimizers(rng: np.random.Generator) -> Iterator[Case]:
    for optimizer in OPTIMIZERS:
        inputs = {
            "w": rng.normal(size=5),
            "g": rng.normal(size=(60, 5)),
            "rates": np.repeat([optimizer["learning_rate"], optimizer["learning_rate"] / 7], 30),
        }
        yield Case(f"optimizer {_label(optimizer)}", "optimizer", {"optimizer": optimizer}, inputs)


def _gradients(rng: np.random.Generator, seed: int) -> Iterator[Case]:
    for activation, (loss, output) in product(ACTIVATIONS, HEADS):
        options = {"loss": loss, "activation": output, "hidden": [activation, activation]}
        name = f"gradient {activation} {loss} {output}"
        yield Case(name, "gradient", options, _problem(rng, seed, loss, rows=9))


def _trainings(rng: np.random.Generator, seed: int) -> Iterator[Case]:
    for (loss, output), optimizer in product(HEADS[:1] + HEADS[-2:], OPTIMIZERS[2:4]):
        options = {
            "loss": loss,
            "activation": output,
            "hidden": ["tanh", "relu"],
            "optimizer": optimizer,
            "batch_size": 16,
        }
        inputs = _problem(rng, seed, loss, rows=70)
        name = f"training {loss} {_label(optimizer)}"
        # 5 batches of 70 rows, the last of 6: 20 epochs are 100 steps.
        yield Case(name, "training", options | {"epochs": 20}, inputs)
        single = {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in inputs.items()}
        yield Case(f"{name} float32", "training_float32", options | {"epochs": 10}, single)


def _problem(rng: np.random.Generator, seed: int, loss: str, rows: int) -> Arrays:
    widths = [4, 6, 5, 3] if seed == 0 else [int(w) for w in rng.integers(1, 24, 4)]
    if loss == "binary_cross_entropy":
        widths[-1] = 1
    arrays: Arrays = {
        "X": rng.normal(size=(rows, widths[0])),
        "y": _targets(rng, loss, (rows, widths[-1])),
    }
    for index, (fan_in, fan_out) in enumerate(pairwise(widths)):
        arrays[f"layers.{index}.weight"] = rng.normal(0, fan_in**-0.5, (fan_in, fan_out))
        arrays[f"layers.{index}.bias"] = rng.normal(0, 0.1, fan_out)
    return arrays


def _targets(rng: np.random.Generator, loss: str, shape: tuple[int, int]) -> NDArray[Any]:
    if loss == "softmax_cross_entropy":
        return rng.integers(0, shape[1], shape[0])
    if loss == "binary_cross_entropy":
        return rng.integers(0, 2, shape).astype(np.float64)
    return rng.normal(size=shape)


def _label(optimizer: dict[str, Any]) -> str:
    return " ".join(f"{k}={v}" if k != "type" else str(v) for k, v in optimizer.items())
