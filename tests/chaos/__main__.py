"""`python -m tests.chaos`: one soak from the command line."""

from __future__ import annotations

import os

# Before NumPy is imported: bits depend on it, and references are trained here.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.soak import Soak


def main() -> int:
    """Soak, print the report; return 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    parser.add_argument("--json", type=Path, help="also write the report into this file")
    parser.add_argument("--keep", type=Path, help="work in this new folder, and leave it there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="slope-chaos-") as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(exist_ok=True, parents=True)
        soak = Soak(given.seed, given.minutes, given.database, folder, say=_say)
        report = soak.run()
    if given.json is not None:
        given.json.write_text(report.to_json())
    sys.stdout.write(f"{report}\n")
    return 0 if report.is_clean else 1


def _say(line: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S', time.gmtime())} {line}\n")


if __name__ == "__main__":
    sys.exit(main())
