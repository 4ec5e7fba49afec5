"""The machine's memory, as its files tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

from workers.machine import memory_bytes

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_never_more_than_the_machine_has() -> None:
    assert 0 < memory_bytes() <= psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("1048576", 1_048_576), ("max", 2_048_000), ("9223372036854771712", 2_048_000)],
)
def test_a_container_has_what_it_may_take(tmp_path: Path, limit: str, expected: int) -> None:
    meminfo, limited = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text("MemTotal:        2000 kB\nMemFree:          100 kB\n")
    limited.write_text(f"{limit}\n")
    assert memory_bytes(meminfo, (tmp_path / "none", limited)) == expected
