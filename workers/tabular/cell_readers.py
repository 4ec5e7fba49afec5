"""One cell of a request read as its feature's number or code, as strictly as the table was."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from workers.tabular.cell_rules import USUAL
from workers.tabular.encoders import MISSING, UNSEEN, CodedEncoder
from workers.tabular.features import MICROSECONDS
from workers.tabular.types import (
    AS_WRITTEN,
    BLANKS,
    parse_boolean,
    parse_datetime,
    parse_number,
)

if TYPE_CHECKING:
    from workers.tabular.cell_rules import CellRules
    from workers.tabular.encoders import Encoder
    from workers.tabular.types import DateOrder

CellReader = Callable[[Any], float]
"""From a cell to the number of a numeric feature (NaN: missing) or to the code of a category."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST_EXACT_INTEGER = 2**53
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


class CellError(Exception):
    """A cell that is not of its feature's type; the detail never repeats it.

    Codes: not_a_number, not_finite, not_a_boolean, not_a_datetime, not_a_category.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def json_reader(encoder: Encoder, rules: CellRules = USUAL) -> CellReader:
    """Reads JSON values: numbers for numbers, true and false for booleans, text for the rest.

    null is missing. A category also takes a number, as `spelled` writes it.
    """
    of_text = text_reader(encoder, rules)
    if not isinstance(encoder, CodedEncoder):
        if encoder.type == "datetime":
            return partial(_json_datetime, partial(_present, rules, of_text))
        value: CellReader = _json_boolean if encoder.type == "boolean" else _json_number
    elif encoder.type == "boolean":
        value = _level_of_truth(encoder, _json_boolean)
    else:
        return _json_category(encoder, rules)
    return _or_text(value, partial(_present, rules, of_text)) if rules.is_text else value


def text_reader(encoder: Encoder, rules: CellRules = USUAL) -> CellReader:
    """Reads the cells of a text file, None being missing, and numbers with a decimal point."""
    if not isinstance(encoder, CodedEncoder):
        if encoder.type == "datetime":
            return partial(_text_datetime, rules.dates)
        return _text_boolean if encoder.type == "boolean" else _text_number
    if encoder.type == "boolean":
        return _level_of_truth(encoder, _text_boolean)
    return _text_category(encoder)


def _present(rules: CellRules, read: CellReader, text: str) -> float:
    """Read text that stands among typed values as if it stood in a text file."""
    cell = text.strip(BLANKS)
    if cell in rules.missing:
        return read(None)
    is_number = rules.decimal == "," and parse_number(cell.replace(",", ".")) is not None
    return read(cell.replace(",", ".") if is_number else cell)


def _or_text(read: CellReader, of_text: CellReader) -> CellReader:
    return lambda value: of_text(value) if type(value) is str else read(value)


def spelled(number: float) -> str:
    """A number as a level or a label: a whole one without point or exponent, else the shortest."""
    whole = float(number).is_integer() and abs(number) <= _LARGEST_EXACT_INTEGER
    return str(int(number)) if whole else repr(float(number))


def _json_number(value: Any) -> float:
    if value is None:
        return math.nan
    # By the exact type, because to Python True is an integer as well.
    if type(value) is not float and type(value) is not int:
        raise CellError("not_a_number", "A number or null is expected here.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise CellError("not_finite", "The number is not finite.")
    return number


def _json_boolean(value: Any) -> float:
    if value is None:
        return math.nan
    if value is not True and value is not False:
        raise CellError("not_a_boolean", "true, false or null is expected here.")
    return float(value)


def _json_datetime(of_text: CellReader, value: Any) -> float:
    if value is None:
        return math.nan
    if type(value) is not str:
        raise CellError("not_a_datetime", "A date as text or null is expected here.")
    return of_text(value)


def _json_category(encoder: CodedEncoder, rules: CellRules) -> CellReader:
    code_of = _codes(encoder)

    def read(value: Any) -> float:
        if value is None:
            return MISSING
        if type(value) is float or type(value) is int:
            number = _json_number(value)
            # As a float a long code would be the one beside it.
            return code_of(str(value) if type(value) is int else spelled(number))
        if type(value) is not str:
            raise CellError("not_a_category", "A text, a number or null is expected here.")
        level = value.strip(BLANKS)
        return MISSING if level in rules.missing else code_of(level)

    return read


def _codes(encoder: CodedEncoder) -> Callable[[str], float]:
    """From a level to its code. 5 is also 5.0 where only one of them is a level, and not 05."""
    codes = encoder.codes
    by_number: dict[float, list[float]] = {}
    for level, code in codes.items():
        number = _plain_number(level)
        if number is not None:
            by_number.setdefault(number, []).append(code)
    numbers = {number: found[0] for number, found in by_number.items() if len(found) == 1}

    def code_of(level: str) -> float:
        code: float | None = codes.get(level)
        if code is None and numbers:
            number = _plain_number(level)
            code = None if number is None else numbers.get(number)
        return UNSEEN if code is None else code

    return code_of


def _plain_number(level: str) -> float | None:
    """The number that a level is, not if it has zeros in front or is too long to be exact."""
    if not _PLAIN_NUMBER.fullmatch(level):
        return None
    number = float(level)
    return number if abs(number) <= _LARGEST_EXACT_INTEGER else None


def _text_number(cell: str | None) -> float:
    if cell is None:
        return math.nan
    number = parse_number(cell)
    if number is None:
        raise CellError("not_a_number", "The cell is not a finite decimal number.")
    return number


def _text_boolean(cell: str | None) -> float:
    if cell is None:
        return math.nan
    value = parse_boolean(cell)
    if value is None:
        raise CellError("not_a_boolean", "The cell is neither true nor false.")
    return float(value)


def _text_datetime(dates: DateOrder | None, cell: str | None) -> float:
    if cell is None:
        return math.nan
    moment = parse_datetime(cell, dates)
    if moment is None:
        ways = "2024-05-31 or 31.05.2024"
        if dates is not None:
            ways = f"2024-05-31, 31.05.2024 or {AS_WRITTEN[dates]}"
        detail = f"The cell is not a date as {ways}, with a time or without."
        raise CellError("not_a_datetime", detail)
    return ((moment - _EPOCH) // _MICROSECOND) / MICROSECONDS


def _text_category(encoder: CodedEncoder) -> CellReader:
    code_of = _codes(encoder)

    def read(cell: str | None) -> float:
        return MISSING if cell is None else code_of(cell.strip(BLANKS))

    return read


def _level_of_truth(encoder: CodedEncoder, truth: CellReader) -> CellReader:
    """Read a truth value as the level that it is."""
    by_truth = {0.0: encoder.codes.get("false", UNSEEN), 1.0: encoder.codes.get("true", UNSEEN)}

    def read(cell: Any) -> float:
        return by_truth.get(truth(cell), MISSING)

    return read
