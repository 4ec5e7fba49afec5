"""The service with a worker that has faults, and a training worth breaking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tests.servers.service import Service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

N_ROWS = 3000
EPOCHS = 10


class FaultyService(Service):
    """Holds its trainings where it is told to."""

    def __init__(self, state_dir: Path, environ: Mapping[str, str]) -> None:
        self._faults = state_dir.parent / "faults"
        self._faults.mkdir()
        super().__init__(
            state_dir, {**environ, "FAULTS_DIR": str(self._faults)}, "tests.faults.supervisor"
        )

    def hold(self, place: str) -> None:
        """Let every training that comes by stand at this place from now on."""
        (self._faults / f"hold-{place}").touch()

    def await_held(self, place: str) -> int:
        """Return the pid of the process whose training stands at this place."""
        sign = self._faults / f"held-{place}"
        self.await_that(sign.exists, bool)
        return int(sign.read_text())

    def release(self, place: str) -> None:
        """Let the trainings at this place go on, those of killed processes forgotten."""
        (self._faults / f"held-{place}").unlink(missing_ok=True)
        (self._faults / f"hold-{place}").unlink()

    def exhaust_memory(self, pid: int) -> None:
        """Let the training that stands in this process take more than it may."""
        (self._faults / f"exhaust-{pid}").touch()

    def upload(self) -> str:
        """Upload a noisy function of four numbers; return the dataset's id."""
        rng = np.random.default_rng(7)
        X = rng.normal(size=(N_ROWS, 4))
        y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.normal(size=N_ROWS)
        lines = [
            "a,b,c,d,y",
            *(",".join(f"{v:.6f}" for v in (*x, t)) for x, t in zip(X, y, strict=True)),
        ]
        file = {"file": ("wave.csv", "\n".join(lines).encode(), "text/csv")}
        answer = self.client.post("/v1/datasets", files=file).raise_for_status()
        return str(answer.json()["id"])

    def start_run(self, dataset_id: str, **wishes: Any) -> str:
        """Start a training whose epochs take long enough to be broken within; return its id."""
        training = {"epochs": EPOCHS, "batch_size": 1, "early_stopping": None}
        wish = {
            "dataset_id": dataset_id,
            "target": "y",
            "network": {"layers": [{"type": "dense", "units": 16}]},
            "training": training,
            **wishes,
        }
        return str(self.client.post("/v1/runs", json=wish).raise_for_status().json()["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a run."""
        answer: dict[str, Any] = self.client.get(f"/v1/runs/{run_id}").raise_for_status().json()
        return answer

    def metrics(self, run_id: str) -> dict[str, Any]:
        """Return a run's curves."""
        url = f"/v1/runs/{run_id}/metrics"
        answer: dict[str, Any] = self.client.get(url).raise_for_status().json()
        return answer

    def events(self, run_id: str) -> list[dict[str, Any]]:
        """Return a run's events in their order."""
        url = f"/v1/runs/{run_id}/events?limit=500"
        events: list[dict[str, Any]] = self.client.get(url).raise_for_status().json()["data"]
        return sorted(events, key=lambda event: int(event["seq"]))
