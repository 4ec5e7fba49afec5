"""The child process keeps to its limits, and answers in JSON whatever it is given."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workers.tabular.ingest import ingest
from workers.tabular.options import IngestOptions
from workers.tabular.profile import TableProfile

PENGUINS = Path("examples/penguins.csv")


def _run(
    source: Path, out: Path, options: dict[str, Any], *, by_stdin: bool = False
) -> subprocess.CompletedProcess[str]:
    text = json.dumps(options)
    return subprocess.run(
        [
            *(sys.executable, "-m", "workers.tabular.ingest", str(source)),
            *("--out", str(out), "--options", "-" if by_stdin else text),
        ],
        input=text if by_stdin else None,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )


@pytest.fixture
def large_file(tmp_path: Path) -> Path:
    """Some 80 MB of text: several seconds of work, and more than 100 MiB of memory."""
    path = tmp_path / "large.csv"
    rows = "".join(f"text {i},{i / 7}\n" for i in range(100_000))
    path.write_text("a,b\n" + rows * 30)
    return path


@pytest.mark.parametrize("by_stdin", [False, True])
def test_the_child_prints_the_profile_and_writes_the_table(tmp_path: Path, by_stdin: bool) -> None:
    options = {"schema": {"year": {"type": "categorical"}}}
    done = _run(PENGUINS, tmp_path / "table", options, by_stdin=by_stdin)
    assert (done.returncode, done.stderr) == (0, "")
    expected = ingest(PENGUINS, IngestOptions.from_plain(options), tmp_path / "expected")
    assert TableProfile.from_json(json.loads(done.stdout)) == expected
    assert (tmp_path / "table").read_bytes() == (tmp_path / "expected").read_bytes()


def test_the_child_prints_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "upload").write_text("a,b\n1,2\n3\n")
    done = _run(tmp_path / "upload", tmp_path / "table", {})
    assert (done.returncode, done.stderr) == (3, "")
    error = json.loads(done.stdout)["error"]
    assert error == {
        "code": "ragged_row",
        "detail": "row 2 (line 3) has 1 cells, the header has 2",
        "row": 2,
        "line": 3,
        "column": None,
        "limit": None,
    }
    assert not (tmp_path / "table").exists()


def test_the_child_stops_at_its_limit_of_cpu_time(tmp_path: Path, large_file: Path) -> None:
    done = _run(large_file, tmp_path / "table", {"limits": {"cpu_seconds": 1}})
    assert done.returncode == 3
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["limit"]) == ("dataset_unreadable", 1)
    assert not (tmp_path / "table").exists()


def test_the_child_stops_at_its_limit_of_memory(tmp_path: Path, large_file: Path) -> None:
    limit = 100 << 20
    done = _run(large_file, tmp_path / "table", {"limits": {"memory_bytes": limit}})
    assert done.returncode == 3
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "dataset_unreadable"
    assert str(limit) in error["detail"]
    assert not (tmp_path / "table").exists()


def test_reading_ten_times_as_much_takes_no_more_than_its_share_of_memory(tmp_path: Path) -> None:
    """Peak memory over that of a tiny file is at most three times the size of the large one."""
    path = tmp_path / "numbers.csv"
    with path.open("w") as file:
        file.write("a,b,c,d\n")
        file.writelines(f"{i * 0.37:.4f},{i % 977},{i / 3:.6f},{-i}\n" for i in range(1_200_000))
    before = _peak_bytes(PENGUINS, tmp_path)
    assert _peak_bytes(path, tmp_path) - before <= 3 * path.stat().st_size


def _peak_bytes(source: Path, folder: Path) -> int:
    script = (
        "import resource, sys; from workers.tabular.ingest import main;"
        "code = main(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(source), "--out", str(folder / "table")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return int(done.stderr) * 1024


def test_the_limits_bind_the_process() -> None:
    script = (
        "import json, resource; from workers.tabular.ingest import limit_process;"
        "from workers.tabular.options import Limits; limit_process(Limits());"
        "print(json.dumps([resource.getrlimit(k) for k in"
        " (resource.RLIMIT_CPU, resource.RLIMIT_DATA, resource.RLIMIT_NOFILE)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    cpu, data, files = json.loads(done.stdout)
    assert cpu[0] == 60
    assert data == [4 << 30, 4 << 30]
    assert files == [64, 64]
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 64
