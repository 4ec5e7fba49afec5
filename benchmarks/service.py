"""What the service costs around the engine: start-up, first epoch, prediction, idle memory.

Run as `python -m benchmarks.service`; every figure stands beside its goal. The service is a real
one in a folder of its own, and idle but for what is measured.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.process import forget_what_the_shell_says
from service.client import Client
from tests.servers.service import Service

PENGUINS = Path(__file__).parents[1] / "examples" / "penguins.csv"
N_STARTS = 5
N_RUNS = 11
N_PREDICTIONS = 2_000
MIB = 2**20
# The limits of one key are far above a person, far below these loops.
UNLIMITED = {"SLOPE_LIMIT_REQUESTS_PER_SECOND": "1000000", "SLOPE_LIMIT_REQUEST_BURST": "1000000"}


@dataclass(frozen=True)
class Figure:
    """Repeated measurements of one quantity, and the most it should be."""

    name: str
    unit: str
    values: Sequence[float]
    goal: float

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        median, worst = statistics.median(self.values), max(self.values)
        verdict = "met" if median <= self.goal else "MISSED"
        cells = (f"{median:.3g}", f"{worst:.3g}", f"{self.goal:g}")
        return (self.name, *(f"{cell} {self.unit}" for cell in cells), verdict)


def main() -> None:
    """Measure, and print the table."""
    forget_what_the_shell_says()
    figures = [_starts()]
    with tempfile.TemporaryDirectory(prefix="slope-bench-") as folder:
        service = Service(Path(folder) / "var", UNLIMITED)
        try:
            figures.append(_memory(service, "memory at rest after the start (PSS)"))
            figures += _trainings_and_predictions(service)
            figures.append(_memory(service, f"memory at rest after {N_RUNS + 1} runs (PSS)"))
        finally:
            service.close()
    table = Table("figure", "median", "worst", "goal", "")
    for figure in figures:
        table.add_row(*figure.row())
    Console(width=100).print(table)


def _starts() -> Figure:
    seconds = []
    with tempfile.TemporaryDirectory(prefix="slope-bench-") as folder:
        for _ in range(N_STARTS):
            started_s = time.perf_counter()
            service = Service(Path(folder) / "var")
            seconds.append(time.perf_counter() - started_s)
            service.close()
    return Figure("warm start to ready", "s", seconds[1:], 4.0)


def _memory(service: Service, name: str) -> Figure:
    """Return the memory of all processes once it has come to rest."""
    before, now = 0.0, _total_pss(service)
    while abs(now - before) > 0.005 * now:
        time.sleep(1.0)
        before, now = now, _total_pss(service)
    return Figure(name, "MiB", [now], 400.0)


def _total_pss(service: Service) -> float:
    return sum(map(_pss, service.processes()))


def _pss(process: psutil.Process) -> float:
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found.group(1)) * 1024 / MIB if found else 0.0


def _trainings_and_predictions(service: Service) -> list[Figure]:
    with Client(service.base_url, service.key) as client:
        dataset = client.datasets.create(PENGUINS)
        waits = [_first_epoch_s(client, dataset.id) for _ in range(N_RUNS)]
        run = client.runs.create(dataset_id=dataset.id, target="species", model="bench")
        client.runs.wait(run.id, poll_s=0.05)
        (row,) = client.datasets.rows(dataset.id, limit=1).rows
    del row["species"]
    return [
        Figure("POST /v1/runs to the first epoch", "s", waits, 0.3),
        Figure("server CPU of a one-row prediction", "ms", _prediction_ms(service, row), 1.0),
    ]


def _first_epoch_s(client: Client, dataset_id: str) -> float:
    started_s = time.perf_counter()
    run = client.runs.create(dataset_id=dataset_id, target="species")
    waited_s = next(
        time.perf_counter() - started_s
        for event in client.runs.events(run.id)
        if event.type == "epoch.completed"
    )
    client.runs.wait(run.id, poll_s=0.05)
    return waited_s


def _prediction_ms(
    service: Service, row: dict[str, str | float | int | bool | None]
) -> list[float]:
    api = psutil.Process(service.pid("api"))
    headers = {"Authorization": f"Bearer {service.key}"}
    rounds = []
    with httpx2.Client(base_url=service.base_url, headers=headers) as client:
        for _ in range(5):
            before = api.cpu_times()
            for _ in range(N_PREDICTIONS // 5):
                client.post("/v1/models/bench/predict", json={"rows": [row]}).raise_for_status()
            after = api.cpu_times()
            spent_s = after.user + after.system - before.user - before.system
            rounds.append(1000.0 * spent_s / (N_PREDICTIONS // 5))
    return rounds


if __name__ == "__main__":
    main()
