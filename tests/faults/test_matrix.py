"""Every row of the fault matrix has tests, on both databases where both can have the fault."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict

import pytest

from tests.faults.matrix import BOTH, ROWS, Row

# One pytest process, or each would collect the tests again.
pytestmark = pytest.mark.xdist_group("matrix")

N_ROWS = 30


@pytest.fixture(scope="module")
def collected() -> dict[str, set[str]]:
    """The databases of every test in this folder, as pytest collects it; none where it has none."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/faults"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=120.0)
    assert listed.returncode == 0, listed.stdout
    databases: dict[str, set[str]] = defaultdict(set)
    for line in listed.stdout.splitlines():
        test, _, parameters = line.partition("[")
        databases[test] |= set(re.findall("|".join(BOTH), parameters))
    return databases


def test_the_matrix_has_every_row_once() -> None:
    assert [row.number for row in ROWS] == list(range(1, N_ROWS + 1))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number}")
def test_a_row_has_its_tests_on_its_databases(row: Row, collected: dict[str, set[str]]) -> None:
    assert row.tests
    assert set(row.tests) <= set(collected)
    if row.databases == BOTH:
        assert [collected[test] for test in row.tests] == [set(BOTH)] * len(row.tests)
    else:
        assert row.why_not_both
