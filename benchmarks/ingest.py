"""How fast an upload of each format becomes a stored table, and in how much memory.

Run as `python -m benchmarks.ingest`. What is timed is the very child that a worker starts: its
interpreter's start, checking, typing, writing the stored form, statistics and warnings are all in
it. Beside it stand a process that comes to the stored form, which the goal is for, and one that
only reads the file by the plainest means there are.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ingest_files import FILES, write
from benchmarks.machine import describe
from benchmarks.process import OUR_PYTHON, ROOT, clean_environment
from benchmarks.tables import table

MEGABYTE = 10**6
GOAL_MB_PER_S = 100.0
GOAL_MEMORY = 3.0

_PLAIN_READS = {
    ".csv": "from pyarrow import csv; csv.read_csv(path, csv.ReadOptions(use_threads=False))",
    ".tsv": (
        "from pyarrow import csv; csv.read_csv(path, csv.ReadOptions(use_threads=False),"
        " csv.ParseOptions(delimiter='\\t', newlines_in_values=True))"
    ),
    ".ndjson": (
        "from pyarrow import json; json.read_json(path, json.ReadOptions(use_threads=False))"
    ),
    ".json": "import orjson; orjson.loads(open(path, 'rb').read())",
    ".parquet": "from pyarrow import parquet; parquet.read_table(path, use_threads=False)",
    ".npy": "import numpy; numpy.load(path)",
}


@dataclass(frozen=True)
class Spent:
    """What one process took from its start to its end."""

    cpu_s: float
    peak_bytes: int


@dataclass(frozen=True)
class Reading:
    """What a file of `n_bytes` took to read, time and again."""

    n_bytes: int
    spent: list[Spent] = field(default_factory=list)

    @property
    def speed(self) -> float:
        """Megabytes of the file per second of CPU time: the median."""
        return self.n_bytes / MEGABYTE / statistics.median(one.cpu_s for one in self.spent)

    @property
    def memory(self) -> float:
        """The highest peak of resident memory over the size of the file."""
        return max(one.peak_bytes for one in self.spent) / self.n_bytes


def main() -> None:
    """Write the files, read each in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", choices=list(FILES), action="append")
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    names = options.file or list(FILES)
    with tempfile.TemporaryDirectory(prefix="slope-bench-") as folder:
        for name in names:
            write(name, Path(folder) / name, options.megabytes * MEGABYTE)
        ours = {name: Reading((Path(folder) / name).stat().st_size) for name in names}
        stored, plain = ({name: Reading(ours[name].n_bytes) for name in names} for _ in range(2))
        for _ in range(options.rounds):
            for name in names:
                path, out = Path(folder) / name, Path(folder) / "out"
                ours[name].spent.append(ingest_child(path, out))
                stored[name].spent.append(storing_child(path, out))
                plain[name].spent.append(_plain_read(path))
    head = (
        *("file", "MB", "stored, MB/s of CPU", "goal", "", "whole, MB/s of CPU"),
        *("peak / file", "", "plain read, MB/s", "peak"),
    )
    print("### From an upload to the stored table", describe(), sep="\n\n", end="\n\n")
    rows = [row(name, stored[name], ours[name], plain[name]) for name in names]
    print(table(head, rows), end="\n\n")


def row(name: str, stored: Reading, ours: Reading, plain: Reading) -> tuple[str, ...]:
    """The cells of one file's row."""
    return (
        name,
        f"{ours.n_bytes / MEGABYTE:.0f}",
        f"{stored.speed:.0f}",
        f"{GOAL_MB_PER_S:.0f}",
        "met" if stored.speed >= GOAL_MB_PER_S else "MISSED",
        f"{ours.speed:.0f}",
        f"{ours.memory:.1f}x",
        "met" if ours.memory <= GOAL_MEMORY else "MISSED",
        f"{plain.speed:.0f}",
        f"{plain.memory:.1f}x",
    )


def ingest_child(path: Path, out: Path) -> Spent:
    """Read the file as a worker does, but without its limit on time."""
    limits = '{"limits": {"cpu_seconds": 600}}'
    arguments = ["-m", "workers.tabular.ingest", str(path), "--out", str(out), "--options", limits]
    return _spent(arguments)


def storing_child(path: Path, out: Path) -> Spent:
    """Come to the stored form alone."""
    return _spent(["-m", "benchmarks.ingest_stored", str(path), str(out)])


def _plain_read(path: Path) -> Spent:
    return _spent(["-c", f"path = {str(path)!r}; {_PLAIN_READS[path.suffix]}"])


def _spent(arguments: list[str]) -> Spent:
    child = subprocess.Popen(
        [OUR_PYTHON, *arguments],
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
        env=clean_environment({"ARROW_DEFAULT_MEMORY_POOL": "system"}),
    )
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, arguments)
    return Spent(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


if __name__ == "__main__":
    main()
