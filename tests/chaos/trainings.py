"""The trainings that chaos disturbs: a table and runs on it, of several kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

N_ROWS = 20_000
_SEED = 7

# About ten seconds each on one core. Between them: epochs far shorter and far longer than the
# time between two checkpoints; state that a checkpoint must carry (slots of the optimiser, a
# schedule, running means, dropout's place in its stream, patience, an average of the weights).
TRAININGS: Mapping[str, Mapping[str, Any]] = {
    "short epochs": {
        "target": "y",
        "network": {
            "layers": [
                {"type": "dense", "units": 32},
                {"type": "activation", "activation": "tanh"},
                {"type": "dense", "units": 16},
                {"type": "activation", "activation": "tanh"},
            ]
        },
        "training": {
            "epochs": 160,
            "batch_size": 16,
            "optimizer": {"type": "adam"},
            "early_stopping": None,
        },
        "seed": 1,
    },
    "long epochs": {
        "target": "y",
        "network": {
            "layers": [
                {"type": "dense", "units": 160},
                {"type": "activation", "activation": "relu"},
                {"type": "dropout", "rate": 0.2},
                {"type": "dense", "units": 160},
                {"type": "activation", "activation": "relu"},
            ]
        },
        "training": {
            "epochs": 3,
            "batch_size": 1,
            "optimizer": {"type": "sgd", "learning_rate": 0.001, "momentum": 0.9},
            "early_stopping": None,
        },
        "seed": 2,
    },
    "classes, early stopping": {
        "target": "kind",
        "network": {
            "layers": [
                {"type": "dense", "units": 64},
                {"type": "batch_norm"},
                {"type": "activation", "activation": "relu"},
                {"type": "dropout", "rate": 0.1},
                {"type": "dense", "units": 32},
                {"type": "activation", "activation": "relu"},
            ]
        },
        "training": {
            "epochs": 200,
            "batch_size": 32,
            "optimizer": {"type": "adamw"},
            "schedule": {"type": "cosine"},
            "early_stopping": {"patience": 200, "restore_best": True},
            "ema_decay": 0.99,
        },
        "seed": 3,
    },
}


def scaled(trainings: Mapping[str, Mapping[str, Any]], scale: float) -> dict[str, dict[str, Any]]:
    """Return the same trainings, shorter or longer by their number of epochs."""
    return {
        name: {**wish, "training": {**wish["training"], "epochs": _epochs(wish, scale)}}
        for name, wish in trainings.items()
    }


def _epochs(wish: Mapping[str, Any], scale: float) -> int:
    return max(1, round(scale * int(wish["training"]["epochs"])))


def table() -> bytes:
    """Return a CSV of four numbers, a noisy function of them, and which of three kinds that is."""
    rng = np.random.default_rng(_SEED)
    X = rng.normal(size=(N_ROWS, 4))
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.normal(size=N_ROWS)
    kinds = np.digitize(y, (-0.5, 0.5))
    lines = ["a,b,c,d,y,kind"]
    for x, value, kind in zip(X, y, kinds, strict=True):
        lines.append(",".join(f"{v:.6f}" for v in (*x, value)) + f",k{kind}")
    return "\n".join(lines).encode()
