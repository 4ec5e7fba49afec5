"""A storm of faults drawn from a seed, over every part of the service at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.soak import Soak

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.site import Database

SEED = 4
MINUTES = 0.75
# Of the trainings, which take some ten seconds otherwise.
SCALE = 0.3
FAULTS = 10


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "database",
    [
        pytest.param(name, marks=pytest.mark.xdist_group(f"soak-{name}"))
        for name in ("sqlite", "postgresql")
    ],
)
def test_a_storm_loses_nothing(tmp_path: Path, database: Database) -> None:
    report = Soak(SEED, MINUTES, database, tmp_path, scale=SCALE, least_faults=FAULTS).run()
    assert report.is_clean, str(report)
    assert report.n_faults >= FAULTS
    assert report.verdict.identical == report.verdict.runs > 0
