from pathlib import Path

import pytest

from benchmarks.ingest import MEGABYTE, Reading, Spent, ingest_child, row, storing_child
from benchmarks.ingest_files import FILES, write


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_as_large_as_wished_and_is_read(name: str, tmp_path: Path) -> None:
    path, out = tmp_path / name, tmp_path / "out"
    write(name, path, 1000)
    assert path.stat().st_size >= 1000
    tables = []
    for child in (ingest_child, storing_child):
        spent = child(path, out)
        assert spent.cpu_s > 0.0
        assert spent.peak_bytes > 0
        tables.append(out.read_bytes())
        out.unlink()
    assert tables[0].startswith(b"PAR1")
    assert tables[0] == tables[1]


def test_the_median_of_the_times_and_the_highest_peak_count() -> None:
    spent = [Spent(1.0, 50), Spent(4.0, 300), Spent(2.0, 100)]
    reading = Reading(100 * MEGABYTE, spent)
    assert reading.speed == 50.0
    assert Reading(100, spent).memory == 3.0


def test_what_misses_a_goal_is_said() -> None:
    slow, slower = (Reading(99 * MEGABYTE, [Spent(s, 298 * MEGABYTE)]) for s in (1.0, 2.0))
    assert row("x", slow, slower, slow) == (
        *("x", "99", "99", "100", "MISSED"),
        *("50", "3.0x", "MISSED", "99", "3.0x"),
    )
