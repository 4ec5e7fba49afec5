"""Reading an upload: in a child process with limits, because nobody vouches for its bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.errors import InvalidRequestError, Problem, UnsupportedMediaError
from workers.tabular.errors import TableError
from workers.tabular.profile import TableProfile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.schemas.datasets import ColumnOverride, ParseOptions
    from service.settings import Limits

_EXIT_REFUSED = 3
# Waiting for the disk is not processor time: what hangs is ended by the clock on the wall.
_WALL_FACTOR = 3
_MAX_COLUMN_NAME = 100


@dataclass(frozen=True)
class UploadedFile:
    """An upload that has arrived whole: where it lies, and what tells it from others."""

    path: Path
    sha256: str
    n_bytes: int


@dataclass(frozen=True)
class ParsedUpload:
    """An upload that was read: its description, and the typed Parquet that trainings use."""

    sha256: str
    n_bytes: int
    profile: TableProfile
    parquet: bytes


def parse_upload(
    upload: UploadedFile,
    options: ParseOptions,
    schema: Mapping[str, ColumnOverride],
    limits: Limits,
) -> ParsedUpload:
    """Read an upload in the limited child; the Parquet is written beside it and taken away.

    Raises:
        UnsupportedMediaError: it is no table at all, whatever its name, or a pickle.
        InvalidRequestError: everything else that is wrong with it, with row and column.
    """
    wishes = {
        "schema": {name: _plain(wish) for name, wish in schema.items()},
        "parse": _plain(options),
    }
    profile, parquet = read_in_child(upload.path, wishes, limits, "/file")
    return ParsedUpload(upload.sha256, upload.n_bytes, profile, parquet)


def read_in_child(
    source: Path, wishes: dict[str, Any], limits: Limits, pointer: str
) -> tuple[TableProfile, bytes]:
    """Read a table in the limited child: its description, and the typed Parquet.

    Raises:
        SlopeError: as `parse_upload` does, with this pointer.
    """
    parquet = source.with_suffix(".parquet")
    options = json.dumps(wishes | {"limits": _child_limits(limits)})
    try:
        answer = _run_child(source, parquet, options, limits, pointer)
        if "error" in answer:
            raise _refusal(TableError.from_plain(answer["error"]), pointer)
        return TableProfile.from_json(answer), parquet.read_bytes()
    finally:
        parquet.unlink(missing_ok=True)


def _plain(wish: ParseOptions | ColumnOverride) -> dict[str, Any]:
    return wish.model_dump(exclude_none=True)


def _child_limits(limits: Limits) -> dict[str, int]:
    return {
        "rows": limits.dataset_rows,
        "columns": limits.dataset_columns,
        "cells": limits.dataset_cells,
        "line_bytes": limits.csv_line_bytes,
        "field_bytes": limits.csv_field_bytes,
        "cpu_seconds": limits.parser_cpu_seconds,
        "memory_bytes": limits.parser_memory_bytes,
    }


def _run_child(
    source: Path, parquet: Path, options: str, limits: Limits, pointer: str
) -> dict[str, Any]:
    module = "workers.tabular.ingest"
    command = [sys.executable, "-m", module, str(source), "--out", str(parquet), "--options", "-"]
    try:
        child = subprocess.run(  # noqa: S603 - our own module, on paths that we made
            command,
            input=options,
            capture_output=True,
            text=True,
            check=False,
            timeout=_WALL_FACTOR * limits.parser_cpu_seconds,
            env=_child_environment(),
        )
    except subprocess.TimeoutExpired:
        raise _unreadable(pointer) from None
    if child.returncode not in (0, _EXIT_REFUSED):
        raise _unreadable(pointer)
    answer: dict[str, Any] = json.loads(child.stdout)
    return answer


def _child_environment() -> dict[str, str]:
    # Without our settings: the child that reads what strangers sent holds no password to lose.
    return {name: value for name, value in os.environ.items() if not name.startswith("SLOPE_")}


def _refusal(error: TableError, pointer: str) -> InvalidRequestError:
    problem = Problem(pointer, error.code, _described(error), error.limit)
    if error.code in ("content_sniff", "pickle_forbidden"):
        return UnsupportedMediaError([problem])
    return InvalidRequestError([problem])


def _described(error: TableError) -> str:
    # Row and line stand in the words themselves; a column may have any name, also a very long one.
    is_named = error.column is not None and len(error.column) <= _MAX_COLUMN_NAME
    detail = error.detail[:1].upper() + error.detail[1:]
    return f"{detail} (column {error.column})." if is_named else f"{detail}."


def _unreadable(pointer: str) -> InvalidRequestError:
    detail = "The file cannot be read within the limits of time and memory."
    return InvalidRequestError([Problem(pointer, "dataset_unreadable", detail)])
