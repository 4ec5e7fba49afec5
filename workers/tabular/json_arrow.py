"""Blocks of JSON rows whose columns are known, by Arrow: several times as fast as row by row.

Arrow is more lenient than this service. A block is taken only where what it made of it proves that
nothing was lost; else the answer is None, and the rows are read one by one.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from workers.tabular.json_blocks import outside_strings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.tabular.cells import Column
    from workers.tabular.json_blocks import RowsText

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_GAP = re.compile(rb"\}(\s*,\s*)\{")
_WHOLE_NEGATIVE_ZERO = re.compile(rb"-0(?![0-9.eE])")
_LEAST_INT = -(2**63)
_BEYOND_INTEGERS = 2.0**63


def known_types(
    types: Mapping[str, pa.DataType], columns: Mapping[str, Column]
) -> dict[str, pa.DataType]:
    """The types of columns after these, too: null, int64, float64, bool or string."""
    return {
        name: _joined(types.get(name, pa.null()), _plain(column.type))
        for name, column in columns.items()
    }


def arrow_columns(text: RowsText, types: Mapping[str, pa.DataType]) -> dict[str, Column] | None:
    """The columns of the rows in these types, or None where the rows need a closer look."""
    lines = _lines(text)
    if lines is None or not _is_sound(lines):
        return None
    table = _read(lines, types)
    if table is None or not _are_lines(lines, table.num_rows, text):
        return None
    columns: dict[str, Column] = {name: table[name].combine_chunks() for name in types}
    if not all(_is_exact(column, lines) for column in columns.values()):
        return None
    return columns if _has_all_keys(lines, columns) else None


def _lines(text: RowsText) -> bytes | None:
    """The rows with a line end between two of them, where they are all parted alike."""
    data = text.data.strip()
    if not data.startswith(b"{") or not data.endswith(b"}"):
        return None
    if text.is_lines:
        return data
    gap = _GAP.search(data)
    # Inside a string this makes a line end, with which Arrow refuses it.
    return data if gap is None else data.replace(gap[0], b"}\n{")


def _is_sound(lines: bytes) -> bool:
    """Whether all the text is such as Arrow would not tell from what it may not be."""
    # One character is found many times as fast as two.
    if b"\\" in lines and _SURROGATE.search(lines):
        return False
    if lines.isascii():
        return True
    try:
        lines.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read(lines: bytes, types: Mapping[str, pa.DataType]) -> pa.Table | None:
    try:
        return pa_json.read_json(
            io.BytesIO(lines + b"\n"),
            pa_json.ReadOptions(use_threads=False, block_size=len(lines) + 2),
            pa_json.ParseOptions(
                explicit_schema=pa.schema(list(types.items())), unexpected_field_behavior="error"
            ),
        )
    except pa.ArrowInvalid:
        return None


def _are_lines(lines: bytes, n_rows: int, text: RowsText) -> bool:
    """Whether a line end stands between any two rows, and in NDJSON nowhere else."""
    gap = b"}\r\n{" if b"\r" in lines and text.is_lines else b"}\n{"
    if lines.count(gap) != n_rows - 1:
        return False
    return not text.is_lines or lines.count(b"\n") == n_rows - 1


def _is_exact(column: Column, lines: bytes) -> bool:
    """Whether the numbers are what was written, and allowed."""
    if pa.types.is_int64(column.type):
        least: int | None = pc.min(column).as_py()
        return least != _LEAST_INT
    if not pa.types.is_floating(column.type):
        return True
    numbers = column.drop_null().to_numpy()
    # A whole number of this size is refused, and infinite ones are.
    if not (np.abs(numbers) < _BEYOND_INTEGERS).all():
        return False
    # A whole -0 is 0, and no fraction.
    has_negative_zero = bool(np.signbit(numbers[numbers == 0.0]).any())
    return not (has_negative_zero and _WHOLE_NEGATIVE_ZERO.search(lines))


def _has_all_keys(lines: bytes, columns: Mapping[str, Column]) -> bool:
    """Whether every null was written: Arrow reads a key that a row lacks as one."""
    n_rows = len(next(iter(columns.values())))
    with_nulls = [name for name, column in columns.items() if column.null_count]
    # A quote within a string has a backslash: where a name has neither, this finds keys only.
    if all(lines.count(orjson.dumps(name) + b":") == n_rows for name in with_nulls) and not any(
        mark in name for mark in '"\\' for name in columns
    ):
        return True
    octets = np.frombuffer(lines, np.uint8)
    n_keys = np.count_nonzero((octets == ord(":")) & outside_strings(octets))
    return int(n_keys) == n_rows * len(columns)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _joined(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type of both; columns of several families are refused elsewhere."""
    if pa.types.is_null(other):
        return one
    is_fraction = pa.types.is_floating(one) and pa.types.is_integer(other)
    return one if is_fraction else other
