from pathlib import Path

import pytest

from benchmarks.ingest import MEGABYTE, Reading, Spent, ingest_child, row
from benchmarks.ingest_files import FILES, write


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_as_large_as_wished_and_is_read(name: str, tmp_path: Path) -> None:
    path, out = tmp_path / name, tmp_path / "out"
    write(name, path, 1000)
    assert path.stat().st_size >= 1000
    spent = ingest_child(path, out)
    assert out.read_bytes().startswith(b"PAR1")
    assert spent.cpu_s > 0.0
    assert spent.peak_bytes > 0


def test_the_median_of_the_times_and_the_highest_peak_count() -> None:
    spent = [Spent(1.0, 50), Spent(4.0, 300), Spent(2.0, 100)]
    reading = Reading(100 * MEGABYTE, spent)
    assert reading.speed == 50.0
    assert Reading(100, spent).memory == 3.0


def test_what_misses_a_goal_is_said() -> None:
    slow = Reading(99 * MEGABYTE, [Spent(1.0, 298 * MEGABYTE)])
    assert row("x", slow, slow) == (
        *("x", "99", "99", "100", "MISSED"),
        *("3.0x", "MISSED", "99", "3.0x"),
    )
