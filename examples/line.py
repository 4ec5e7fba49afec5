"""Where everything starts: learn y = m x + c with one neuron."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from examples.training import TrainingError, train

if TYPE_CHECKING:
    from rich.console import Console

    from service.client import Client

M = 2.5
C = 4.0
NOISE = 0.3
N_POINTS = 400
SEED = 7
TOLERANCE = 0.02
# A start far off and small steps, so that the loss can be seen falling.
SLOW: dict[str, Any] = {
    "seed": 1,
    "training": {
        "epochs": 40,
        "batch_size": 16,
        "optimizer": {"type": "sgd", "learning_rate": 0.005},
    },
}


def learn_line(client: Client, console: Console) -> None:
    """Make a noisy line, learn it, compare what was learned with what was made.

    Raises:
        TrainingError: slope or intercept is more than 2% off.
    """
    console.print(
        f"  {N_POINTS} points of y = {M:g} x + {C:g} with noise of standard deviation {NOISE:g};"
    )
    console.print('  the network sees the points only: {"layers": []}, one neuron, y = w x + b')
    dataset = client.datasets.create(noisy_line(), name="line")
    wish = {"dataset_id": dataset.id, "target": "y", "network": {"layers": []}}
    run = train(client, console, **wish, **SLOW)
    report = client.runs.report(run.id)
    learned = {"m": (M, report["coefficients"]["x"]), "c": (C, report["intercept"])}
    for name, (true, found) in learned.items():
        error = abs(found / true - 1)
        console.print(f"  {name}  true {true:.4f}  learned {found:.4f}  off by {error:.2%}")
        if error > TOLERANCE:
            raise TrainingError(f"{name} is {found:.4f} instead of {true:.4f}")


def noisy_line() -> bytes:
    """Return the points as CSV; the same ones every time."""
    rng = random.Random(SEED)  # noqa: S311
    rows = ["x,y"]
    for _ in range(N_POINTS):
        x = rng.uniform(-5.0, 5.0)
        rows.append(f"{x:.6f},{M * x + C + rng.gauss(0.0, NOISE):.6f}")
    return ("\n".join(rows) + "\n").encode()
