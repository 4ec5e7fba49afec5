"""One step of training by hand and by the service, number beside number: y = m x + c.

    .venv/bin/python -m examples.one_step

SLOPE_URL and SLOPE_API_KEY name another service than this machine's.
"""

from __future__ import annotations

import os
from pathlib import Path

from service.client import Client

POINTS = [(1.0, 3.0), (2.0, 5.0)]
M, C, RATE = 1.0, 0.0, 0.1


def by_hand() -> dict[str, list[float]]:
    """Do what a step does, in as many lines as it has steps."""
    n = len(POINTS)
    y = [M * x + C for x, _ in POINTS]
    errors = [y_i - t for y_i, (_, t) in zip(y, POINTS, strict=True)]
    dm = sum(2 * e * x for e, (x, _) in zip(errors, POINTS, strict=True)) / n
    dc = sum(2 * e for e in errors) / n
    m, c = M - RATE * dm, C - RATE * dc
    return {
        "y = m x + c": y,
        "squared errors": [e**2 for e in errors],
        "their mean, the loss": [sum(e**2 for e in errors) / n],
        "dL/dm, dL/dc": [dm, dc],
        "m - rate dL/dm, c - rate dL/dc": [m, c],
        "the loss after the step": [sum((m * x + c - t) ** 2 for x, t in POINTS) / n],
    }


def by_service(slope: Client) -> dict[str, list[float | None]]:
    """Ask for the same step."""
    trace = slope.networks.trace(
        network={"layers": [], "output": {"initializer": "constant", "initial_value": M}},
        target="y",
        rows=[{"x": x, "y": t} for x, t in POINTS],
        preprocessing="none",
        training={"optimizer": {"type": "sgd", "learning_rate": RATE}},
    )
    weight, bias = trace.update.tensors
    return {
        "y = m x + c": [row[0] for row in trace.output.a],
        "squared errors": trace.loss.terms,
        "their mean, the loss": [trace.loss.mean],
        "dL/dm, dL/dc": weight.gradient + bias.gradient,
        "m - rate dL/dm, c - rate dL/dc": weight.after + bias.after,
        "the loss after the step": [trace.after.loss],
    }


def main() -> None:
    """Print both, line by line."""
    url = os.environ.get("SLOPE_URL", "http://127.0.0.1:8000")
    key = os.environ.get("SLOPE_API_KEY") or Path("var/api-key").read_text(encoding="ascii").strip()
    with Client(url, key) as slope:
        found = by_service(slope)
    print(f"{'':32}{'by hand':>16}{'by the service':>16}")
    for name, numbers in by_hand().items():
        print(f"{name:32}{_written(numbers):>16}{_written(found[name]):>16}")


def _written(numbers: list[float] | list[float | None]) -> str:
    return "  ".join(f"{number:.4g}" for number in numbers if number is not None)


if __name__ == "__main__":
    main()
