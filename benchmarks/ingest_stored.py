"""An upload made a stored table, in a process like the ingest child: no statistics, no warnings."""

from __future__ import annotations

import sys
from pathlib import Path

from workers.tabular.formats import HEAD_BYTES, find_format
from workers.tabular.ingest import limit_process, store
from workers.tabular.options import IngestOptions, Limits
from workers.tabular.parquet import use_system_memory


def main(path: Path, out: Path) -> None:
    """Read the file without the child's limit on time."""
    options = IngestOptions(limits=Limits(cpu_seconds=600))
    limit_process(options.limits)
    use_system_memory()
    with path.open("rb") as file:
        found = find_format(file.read(HEAD_BYTES))
    store(path, found, options, out)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
