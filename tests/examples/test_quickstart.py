from __future__ import annotations

import csv
import re
import statistics
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from examples.penguins import CSV
from tests.servers.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("quick") / "var", {"SLOPE_WORKER_PROCESSES": "1"})
    yield service
    service.close()


def test_the_quickstart_predicts_what_a_gentoo_weighs(service: Service) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "examples.quickstart"],
        env={"SLOPE_URL": service.base_url, "SLOPE_API_KEY": service.key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    with CSV.open(newline="") as rows:
        masses = [
            float(row["body_mass_g"])
            for row in csv.DictReader(rows)
            if row["species"] == "Gentoo" and row["body_mass_g"] != "NA"
        ]
    predicted = re.search(r"value=([\d.]+)", ended.stdout)
    assert predicted is not None
    # Knowing the species alone, the best guess is the mean of the species.
    assert float(predicted[1]) == pytest.approx(statistics.mean(masses), rel=0.05)
