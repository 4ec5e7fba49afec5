"""The ingest child: `python -m workers.tabular.ingest SOURCE --out PARQUET --options JSON`.

Reads an upload that nobody trusts, in a process that may use only so much. Prints one JSON object:
the profile with exit code 0, or `{"error": {code, detail, row, line, column, limit}}` with exit
code 3. Any other end (a signal, a traceback) means that the file cannot be read within the limits.
`--options -` reads the options from standard input, where they are too long for an argument.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import resource
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pyarrow as pa

from workers.tabular.csv_dialect import Dialect
from workers.tabular.csv_ingest import ingest_csv
from workers.tabular.csv_source import CsvSource
from workers.tabular.errors import TableError
from workers.tabular.formats import HEAD_BYTES, DatasetFormat, find_format
from workers.tabular.json_rows import json_columns
from workers.tabular.npy_in import npy_blocks
from workers.tabular.options import IngestOptions
from workers.tabular.parquet import use_system_memory
from workers.tabular.parquet_in import parquet_blocks
from workers.tabular.profile import TableWarning
from workers.tabular.statistics import describe
from workers.tabular.typed_ingest import ingest_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.tabular.options import Limits
    from workers.tabular.profile import TableProfile

EXIT_REFUSED = 3

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>

# Past the soft limit on CPU time comes a signal that is turned into an error; past this, the end.
_CPU_GRACE_S = 5


def ingest(path: Path, options: IngestOptions, out: Path) -> TableProfile:
    """Read the file at `path` into Parquet at `out`, and describe it.

    Raises:
        TableError: the first thing that is wrong with the file; `out` is then gone.
    """
    with path.open("rb") as file:
        found = find_format(file.read(HEAD_BYTES), options.parse.format)
    try:
        stored = store(path, found, options, out)
        profile = describe(out, options, stored.dialect)
    except (pa.ArrowException, MemoryError) as error:
        out.unlink(missing_ok=True)
        raise TableError("dataset_unreadable", _reason(error, found, options.limits)) from error
    except TableError:
        out.unlink(missing_ok=True)
        raise
    warnings = (
        *_of_placeholders(stored.placeholders),
        *_of_lost(stored.lost, profile, options),
        *profile.warnings,
    )
    return replace(profile, format=stored.format, warnings=warnings)


@dataclass(frozen=True)
class Stored:
    """How a file was read: what a CSV file is written in, and words that were missing cells.

    Those of `lost` may have a meaning of their own.
    """

    format: DatasetFormat
    dialect: Dialect | None = None
    placeholders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lost: Mapping[str, frozenset[str]] = field(default_factory=dict)


def store(path: Path, found: DatasetFormat, options: IngestOptions, out: Path) -> Stored:
    """Read a file of the format `found` into Parquet at `out`: `ingest` without the profile.

    Raises what Arrow raises, MemoryError, and TableError as `ingest`; `out` may then be there.
    """
    limits = options.limits
    if found in ("csv", "tsv"):
        return _store_text(path, options, out)
    if found == "npy":
        lost = ingest_blocks(lambda: npy_blocks(path, limits), options, out)
    elif found == "parquet":
        lost = ingest_blocks(lambda: parquet_blocks(path, limits), options, out, "column_type")
    else:
        is_lines = found == "ndjson"
        lost = ingest_blocks(lambda: json_columns(path, limits, is_lines=is_lines), options, out)
    return Stored(found, lost=lost)


def _store_text(path: Path, options: IngestOptions, out: Path) -> Stored:
    if options.parse.format == "tsv" and options.parse.delimiter is None:
        options = replace(options, parse=replace(options.parse, delimiter="\t"))
    source = CsvSource(lambda: path.open("rb"), options.parse.codec, options.parse.format)
    typing = ingest_csv(source, options, out)
    dialect = typing.dialect
    has_tabs = dialect.marks.delimiter == b"\t" and len(dialect.names) > 1
    is_tsv = has_tabs if options.parse.format is None else options.parse.format == "tsv"
    return Stored("tsv" if is_tsv else "csv", dialect, typing.placeholders, typing.lost)


def _of_placeholders(found: Mapping[str, tuple[str, ...]]) -> Iterator[TableWarning]:
    for name, words in found.items():
        said = " and ".join(f'"{word}"' for word in words)
        detail = f"{said} among its numbers: read as missing, unless the schema says otherwise"
        yield TableWarning("missing_words", name, detail)


def _of_lost(
    lost: Mapping[str, frozenset[str]], profile: TableProfile, options: IngestOptions
) -> Iterator[TableWarning]:
    """Of columns that are text in the end, where the owner did not say what is missing."""
    for column in profile.columns:
        words = lost.get(column.name)
        is_said = options.wish(column.name).missing is not None
        if words and not is_said and column.type in ("categorical", "text"):
            said = " and ".join(f'"{word}"' for word in sorted(words))
            detail = f"{said} among its texts: read as missing, unless the schema says otherwise"
            yield TableWarning("missing_words", column.name, f'{detail}, as by "missing": []')


def limit_process(limits: Limits) -> None:
    """Limit this process for the rest of its life; more CPU time than allowed is a TableError."""
    cpu = limits.cpu_seconds
    _lower(resource.RLIMIT_CPU, cpu, cpu + _CPU_GRACE_S)
    _lower(resource.RLIMIT_DATA, limits.memory_bytes, limits.memory_bytes)
    _lower(resource.RLIMIT_NOFILE, limits.open_files, limits.open_files)
    _lower(resource.RLIMIT_CORE, 0, 0)

    def refuse(_signal: int, _frame: Any) -> NoReturn:
        detail = f"the file takes more than {cpu} s of CPU time to read"
        raise TableError("dataset_unreadable", detail, limit=cpu)

    signal.signal(signal.SIGXCPU, refuse)


def end_with_parent() -> None:
    """Let the kernel end this process with whoever waits for it, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Run the child; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m workers.tabular.ingest")
    parser.add_argument("source", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--options", default="{}")
    given = parser.parse_args(arguments)
    end_with_parent()
    try:
        text = sys.stdin.read() if given.options == "-" else given.options
        options = IngestOptions.from_plain(json.loads(text))
        limit_process(options.limits)
        use_system_memory()
        answer = ingest(given.source, options, given.out).to_json()
    except TableError as error:
        answer = {"error": error.to_plain()}
    json.dump(answer, sys.stdout, allow_nan=False)
    return EXIT_REFUSED if "error" in answer else 0


def _lower(kind: int, soft: int, hard: int) -> None:
    """Set a limit, but never above the one that the process was started under."""
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(kind, (soft, hard))


def _reason(error: Exception, found: DatasetFormat, limits: Limits) -> str:
    if isinstance(error, MemoryError):
        return f"the file takes more than {limits.memory_bytes} bytes of memory to read"
    return f"the file cannot be read as {found}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
