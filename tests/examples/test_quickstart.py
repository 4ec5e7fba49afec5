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


def _run(service: Service, module: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", module],
        env={"SLOPE_URL": service.base_url, "SLOPE_API_KEY": service.key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_step_by_hand_has_the_numbers_of_the_service(service: Service) -> None:
    header, *lines = _run(service, "examples.one_step").splitlines()
    assert header.split("  ")[-1].strip() == "by the service"
    assert len(lines) == 6
    for line in lines:
        # After the name: the same numbers twice.
        numbers = line[32:].split()
        half = len(numbers) // 2
        assert numbers[:half] == numbers[half:], line
    assert lines[-1].endswith("0.65            0.65")


def test_the_quickstart_predicts_what_a_gentoo_weighs(service: Service) -> None:
    told = _run(service, "examples.quickstart")
    with CSV.open(newline="") as rows:
        masses = [
            float(row["body_mass_g"])
            for row in csv.DictReader(rows)
            if row["species"] == "Gentoo" and row["body_mass_g"] != "NA"
        ]
    predicted = re.search(r"value=([\d.]+)", told)
    assert predicted is not None
    # Knowing the species alone, the best guess is the mean of the species.
    assert float(predicted[1]) == pytest.approx(statistics.mean(masses), rel=0.05)
