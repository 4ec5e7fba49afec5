"""JSON rows as columns of values, as strictly as requests are read.

Readers with one verdict: Arrow takes blocks like those before, orjson what is beyond doubt; what
looks unusual goes row by row to Python's own, which finds the reason and the row.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import orjson
import pyarrow as pa

from workers.tabular.csv_dialect import check_names
from workers.tabular.errors import TableError
from workers.tabular.json_arrow import arrow_columns, known_types
from workers.tabular.json_blocks import array_rows, line_rows, outside_strings
from workers.tabular.typed_columns import mixed_types

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workers.tabular.cells import Column
    from workers.tabular.json_blocks import RowsText
    from workers.tabular.options import Limits

_LARGEST_INT = 2**63 - 1
_MAX_DIGITS = 4300
_LONG_NUMBER = re.compile(rb"(?<![0-9.])[0-9]{19}|[eE]\+?[0-9]{3}")
_BLANKS = " \t\r\n"
_SHAPE = bytes.maketrans(b"E123456789", b"e000000000")


def json_columns(path: Path, limits: Limits, *, is_lines: bool) -> Iterator[dict[str, Column]]:
    """The rows of the file in blocks of columns; null is a missing value.

    Raises:
        TableError: json_syntax, json_duplicate_key, json_nonfinite, json_invalid_unicode,
            out_of_range, json_not_rows,
            encoding; ragged_row, mixed_types, nested_value; too_many_columns, and what is wrong
            with the names of columns.
    """
    names: tuple[str, ...] = ()
    types: dict[str, pa.DataType] = {}
    n_rows = 0
    size = max(limits.block_bytes, 2 * limits.line_bytes)
    with path.open("rb") as stream:
        for text in line_rows(stream, size) if is_lines else array_rows(stream, size):
            columns = arrow_columns(text, types) if types else None
            wrong: TableError | None = None
            if columns is None:
                rows = _rows(text, n_rows)
                names = names or _names(rows[0], limits)
                columns, wrong = _columns(names, rows, n_rows)
                types = known_types(types, columns)
            if len(columns[names[0]]):
                yield columns
            if wrong is not None:
                raise wrong
            n_rows += len(columns[names[0]])


def _names(row: dict[str, Any], limits: Limits) -> tuple[str, ...]:
    names = tuple(row)
    if not names:
        raise TableError("dataset_empty", "the rows have no columns")
    if len(names) > limits.columns:
        detail = f"the rows have {len(names)} columns, and at most {limits.columns} are read"
        raise TableError("too_many_columns", detail, limit=limits.columns)
    check_names(names, limits)
    for name in names:
        if "\0" in name:
            raise TableError("nul_character", "the name of a column holds a NUL character")
    return names


def _rows(text: RowsText, n_before: int) -> list[dict[str, Any]]:
    array = text.array
    # orjson turns integers beyond 64 bits into floats.
    if _may_have_long_numbers(array) and _LONG_NUMBER.search(array):
        return _read_exactly(text, n_before)
    try:
        rows: list[dict[str, Any]] = orjson.loads(array)
    except orjson.JSONDecodeError:
        return _read_exactly(text, n_before)
    if any(type(row) is not dict for row in rows):
        return _read_exactly(text, n_before)
    # Every key is followed by one colon, and a duplicate is lost from the rows but not from the
    # text: equal counts prove that there is none.
    n_keys = sum(map(len, rows))
    if n_keys != array.count(b":") and n_keys != _colons(array):
        return _read_exactly(text, n_before)
    return rows


def _may_have_long_numbers(array: bytes) -> bool:
    """Whether a look for long numbers, which takes longer than reading, may find any."""
    shape = array.translate(_SHAPE)
    return b"0" * 19 in shape or b"e000" in shape or b"e+000" in shape


def _colons(array: bytes) -> int:
    octets = np.frombuffer(array, np.uint8)
    return int(np.count_nonzero((octets == ord(":")) & outside_strings(octets)))


def _read_exactly(text: RowsText, n_before: int) -> list[dict[str, Any]]:
    """The rows one by one, or what is wrong with the first that is none."""
    try:
        array = text.array.decode()
    except UnicodeDecodeError:
        raise TableError("encoding", "the file is not UTF-8") from None
    rows: list[dict[str, Any]] = []
    place = 0
    while True:
        row = n_before + len(rows) + 1
        value, place = _value(array, _behind_blanks(array, place + 1), row)
        rows.append(_object_of(value, row))
        place = _behind_blanks(array, place)
        if place == len(array) - 1:
            return rows
        if array[place] != ",":
            raise _syntax(row + 1)


def _object_of(value: Any, row: int) -> dict[str, Any]:
    if type(value) is not dict:
        raise TableError("json_not_rows", f"row {row} is not an object", row=row)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        detail = f"row {row}: a string has half of a surrogate pair"
        raise TableError("json_invalid_unicode", detail, row=row) from None
    return value


def _behind_blanks(array: str, place: int) -> int:
    while array[place : place + 1] in tuple(_BLANKS):
        place += 1
    return place


def _value(array: str, place: int, row: int) -> tuple[Any, int]:
    try:
        return _STRICT.raw_decode(array, place)
    except json.JSONDecodeError:
        raise _syntax(row) from None
    except RecursionError:
        raise TableError("nested_value", f"row {row} is nested too deeply", row=row) from None
    except _Refused as refused:
        code, detail = refused.args
        raise TableError(code, f"row {row}: {detail}", row=row) from None


def _syntax(row: int) -> TableError:
    return TableError("json_syntax", f"row {row} is not JSON", row=row)


class _Refused(Exception):  # noqa: N818 - a signal to the row that holds it, with code and detail
    """Something that Python's reader would let through."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _Refused("json_duplicate_key", "an object has the same key twice")
    return value


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Refused("json_nonfinite", "a number is too large for a 64-bit float")
    return number


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS or abs(int(digits)) > _LARGEST_INT:
        raise _Refused("out_of_range", "an integer does not fit 64 bits")
    return int(digits)


def _constant(_: str) -> NoReturn:
    raise _Refused("json_nonfinite", "NaN and Infinity are not JSON; null is a missing value")


_STRICT = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_finite, parse_int=_integer, parse_constant=_constant
)


def _columns(
    names: tuple[str, ...], rows: list[dict[str, Any]], n_before: int
) -> tuple[dict[str, Column], TableError | None]:
    """The columns of the rows before the first that is wrong, and what is wrong with it.

    What only a reader of columns finds wrong with rows before it then comes first, whichever block
    they are in.
    """
    wrong: TableError | None = None
    while True:
        try:
            _check_keys(names, rows, n_before)
            return {name: _column(name, rows, n_before) for name in names}, wrong
        except TableError as error:
            if error.row is None:
                raise
            wrong, rows = error, rows[: error.row - n_before - 1]


def _check_keys(names: tuple[str, ...], rows: list[dict[str, Any]], n_before: int) -> None:
    known = set(names)
    for index, row in enumerate(rows):
        if row.keys() != known:
            number = n_before + index + 1
            odd = next(iter([*(known - row.keys()), *(row.keys() - known)]))
            what = "lacks a column that" if odd in known else "has a column that not"
            detail = f"row {number} {what} the first row has: null is a missing value"
            raise TableError("ragged_row", detail, row=number, column=odd)


def _column(name: str, rows: list[dict[str, Any]], n_before: int) -> Column:
    values = [row[name] for row in rows]
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if kinds & {list, dict}:
        number = n_before + _first(values, {list, dict}) + 1
        detail = f"row {number}: the value is an array or an object"
        raise TableError("nested_value", detail, row=number, column=name)
    if kinds <= {int, float}:
        return _numbers(values)
    if len(kinds) > 1:
        odd = _first_odd(values)
        raise mixed_types(name, n_before + odd + 1)
    if kinds == {str}:
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, pa.bool_())


def _numbers(values: list[Any]) -> Column:
    if any(type(value) is float for value in values):
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    return pa.array(values, pa.int64())


def _first(values: list[Any], kinds: set[type]) -> int:
    return next(index for index, value in enumerate(values) if type(value) in kinds)


def _first_odd(values: list[Any]) -> int:
    """The first value of another family than the first that is not null."""
    families = [float if type(value) is int else type(value) for value in values]
    first = next(family for family in families if family is not type(None))
    return next(i for i, family in enumerate(families) if family not in (first, type(None)))
