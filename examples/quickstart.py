"""From a table to a prediction in one screenful, on a service that runs (`make serve`).

    .venv/bin/python -m examples.quickstart

SLOPE_URL and SLOPE_API_KEY name another service than this machine's.
"""

from __future__ import annotations

import os
from pathlib import Path

from service.client import Client


def main() -> None:
    """Train on the penguins, ask about one."""
    url = os.environ.get("SLOPE_URL", "http://127.0.0.1:8000")
    key = os.environ.get("SLOPE_API_KEY") or Path("var/api-key").read_text(encoding="ascii").strip()
    with Client(url, key) as slope:
        dataset = slope.datasets.create(Path(__file__).with_name("penguins.csv"))
        run = slope.runs.create(dataset_id=dataset.id, target="body_mass_g", features=["species"])
        for event in slope.runs.events(run.id):
            print(event.message)
        run = slope.runs.wait(run.id)
        print(run.status, run.metrics)
        answer = slope.models.predict(run.model_id or "", [{"species": "Gentoo"}])
        print(answer.predictions[0])


if __name__ == "__main__":
    main()
