"""What a run through the API costs above the bare engine: the same training, in turn.

The bare engine trains and validates; a part of what a run has above that are the figures of every
epoch, shown by the engine alone that works them out.
The bare engine has a process of its own. A run is everything between its start and its end on a
worker: reading, preparing, training with metrics of every epoch and checkpoints, evaluating.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

from benchmarks.process import OUR_PYTHON, Process, forget_what_the_shell_says
from benchmarks.tables import table
from benchmarks.trainings import N_CLASSES, TRAININGS, VALIDATION, Training
from service.client import Client
from tests.servers.service import Service

if TYPE_CHECKING:
    from service.schemas.runs import Run

GOAL = 0.05
MAX_EPOCHS = 10_000


@dataclass(frozen=True)
class Spent:
    """Seconds of one training."""

    cpu_s: float
    wall_s: float


def main() -> None:
    """Print one table."""
    options = _options()
    forget_what_the_shell_says()
    rows = []
    with tempfile.TemporaryDirectory(prefix="slope-bench-") as folder:
        service = Service(Path(folder) / "var")
        try:
            for name in options.training or TRAININGS:
                rows.append(_row(name, service, Path(folder), options))
        finally:
            service.close()
    head = ("training", "epochs", "bare CPU", "with figures", "run CPU", "overhead", "")
    print("### The service around the engine", end="\n\n")
    print(table((*head, "bare wall", "run wall", "overhead"), rows), end="\n\n")


def _row(name: str, service: Service, folder: Path, options: argparse.Namespace) -> tuple[str, ...]:
    training = TRAININGS[name]
    bare, measured, through_api = [], [], []
    with Process(OUR_PYTHON, "benchmarks.bare_run", [name], {}) as engine:
        epochs = _epochs_for(engine, options.seconds)
        with Client(service.base_url, service.key) as client:
            dataset_id = client.datasets.create(_table(training, folder)).id
            for _ in range(options.rounds):
                bare.append(_bare(engine, str(epochs)))
                measured.append(_bare(engine, f"{epochs} measured"))
                through_api.append(_run(client, service, training, dataset_id, epochs))
    return (name, str(epochs), *cells(bare, measured, through_api))


def cells(bare: list[Spent], measured: list[Spent], through_api: list[Spent]) -> tuple[str, ...]:
    """Medians, and what the others have above the first."""
    measured_cpu_s = _median("cpu_s", measured)
    bare_cpu_s, run_cpu_s = _median("cpu_s", bare), _median("cpu_s", through_api)
    bare_wall_s, run_wall_s = _median("wall_s", bare), _median("wall_s", through_api)
    overhead = run_cpu_s / bare_cpu_s - 1.0
    return (
        f"{bare_cpu_s:.2f} s",
        f"{measured_cpu_s / bare_cpu_s - 1.0:.1%}",
        f"{run_cpu_s:.2f} s",
        f"{overhead:.1%}",
        "met" if overhead <= GOAL else "MISSED",
        f"{bare_wall_s:.2f} s",
        f"{run_wall_s:.2f} s",
        f"{run_wall_s / bare_wall_s - 1.0:.1%}",
    )


def _median(field: str, spent: list[Spent]) -> float:
    return float(statistics.median(getattr(one, field) for one in spent))


def _epochs_for(engine: Process, seconds: float) -> int:
    """So many that the bare engine trains for at least `seconds`."""
    trial = 20
    per_epoch_s = _bare(engine, str(trial)).cpu_s / trial
    return min(MAX_EPOCHS, int(seconds / per_epoch_s) + 1)


def _bare(engine: Process, wish: str) -> Spent:
    return Spent(**json.loads(engine.ask(wish)))


def _run(
    client: Client, service: Service, training: Training, dataset_id: str, epochs: int
) -> Spent:
    before_s = _pool_cpu_s(service)
    run = client.runs.create(
        dataset_id=dataset_id,
        target="label",
        task="multiclass",
        network={"layers": [{"type": "dense", "units": n} for n in training.hidden]},
        preprocessing="standard",
        training={"epochs": epochs, "batch_size": training.batch_size, "early_stopping": None},
        split={"validation": VALIDATION},
    )
    run = client.runs.wait(run.id, poll_s=0.2)
    if run.status != "succeeded":
        raise RuntimeError(f"the run ended as {run.status}: {run.error}")
    return Spent(_pool_cpu_s(service) - before_s, _seconds_running(run))


def _pool_cpu_s(service: Service) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in service.pool()]
    return sum((time.user + time.system for time in times), 0.0)


def _seconds_running(run: Run) -> float:
    moves = {change.status: change.at for change in run.status_history}
    return (moves["succeeded"] - moves["running"]).total_seconds()


def _table(training: Training, folder: Path) -> Path:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(training.rows, training.columns))
    labels = rng.integers(0, N_CLASSES, training.rows)
    path = folder / f"{training.columns}.csv"
    with path.open("w") as file:
        file.write(",".join([*(f"x{i}" for i in range(training.columns)), "label"]) + "\n")
        for row, label in zip(X, labels, strict=True):
            file.write(",".join(f"{value:.5f}" for value in row) + f",class {label}\n")
    return path


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--training", choices=list(TRAININGS), action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of the bare engine")
    return parser.parse_args()


if __name__ == "__main__":
    main()
