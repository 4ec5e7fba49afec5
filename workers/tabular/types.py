"""What one cell of text means: missing, a number, a truth value, a moment.

These rules hold for a file that is ingested and for one that is predicted. A cell is read without
the spaces and tabs around it.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Literal

ColumnType = Literal["numeric", "categorical", "boolean", "datetime", "text", "ignore"]
DateOrder = Literal["day_first", "month_first"]

BLANKS = " \t"

# Spelled exactly as programs write them. Any case would be kinder to typists, but "na", "none" and
# "Null" are sodium, an answer in a survey and a family name.
MISSING_TOKENS = (
    "",
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "<NA>",
    "NaN",
    "nan",
    "NaT",
    "NULL",
    "null",
    "None",
    "?",
    "-",
)

# Of them those that may be a value of their own: no basement, sodium.
WORDS_WITH_A_MEANING = frozenset(("None", "NA"))

# ASCII digits only: float() also takes 1_0, Arabic-Indic digits, "infinity" and "nan".
NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
DECIMAL_COMMA_NUMBER = NUMBER.replace(r"\.", ",")

# ISO 8601 calendar dates, with a time of day or without, in UTC where no offset is written.
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
LOCAL_DATETIME = rf"{_DAY}({_TIME})?"
ZONED_DATETIME = rf"{_DAY}{_TIME}(Z|[+-][0-9]{{2}}:?[0-9]{{2}})"

# Other ways to write a day that can mean one day only, rewritten one after the other: 2024/05/31,
# 2024-05 (its first day), 31.05.2024, where the day always stands first. Times as databases and
# data frames write them: nine digits of a second, +00 for +00:00, UTC for Z.
_DAY_SPELLINGS = (
    (r"^(.*:[0-9]{2}\.[0-9]{6})[0-9]{1,3}(.*)$", r"\1\2"),
    (r"^(.*:[0-9]{2}(?:\.[0-9]+)?) ?UTC$", r"\1Z"),
    (r"^(.*:[0-9]{2}(?:\.[0-9]+)?) ?([+-][0-9]{2})$", r"\1\2:00"),
    (r"^([0-9]{4})[/.]([0-9]{2})[/.]([0-9]{2})", r"\1-\2-\3"),
    (r"^([0-9]{4}-[0-9]{2})$", r"\1-01"),
    (r"^([0-9]\.[0-9]{1,2}\.[0-9]{4})", r"0\1"),
    (r"^([0-9]{2})\.([0-9])\.([0-9]{4})", r"\1.0\2.\3"),
    (r"^([0-9]{2})\.([0-9]{2})\.([0-9]{4})", r"\3-\2-\1"),
)

# A slash or a hyphen behind the day or the month does not say which of them comes first, in
# 05/01/2024 and 5-1-2024: that is known of a column, or not at all.
_SHORT_PARTS = tuple(
    pair
    for mark in "/-"
    for pair in (
        (rf"^([0-9]{mark}[0-9]{{1,2}}{mark}[0-9]{{4}})", r"0\1"),
        (rf"^([0-9]{{2}}){mark}([0-9]){mark}([0-9]{{4}})", rf"\1{mark}0\2{mark}\3"),
    )
)
AS_WRITTEN: dict[DateOrder, str] = {"day_first": "31/05/2024", "month_first": "05/31/2024"}
_ORDERS: dict[DateOrder, str] = {"day_first": r"\3-\2-\1", "month_first": r"\3-\1-\2"}


def day_spellings(order: DateOrder | None) -> tuple[tuple[str, str], ...]:
    """Regular expressions and what replaces them, one after the other, so that a day is ISO 8601.

    With an order also that of a day which is written as 05/01/2024.
    """
    if order is None:
        return _DAY_SPELLINGS
    ordered = tuple(
        (rf"^([0-9]{{2}}){mark}([0-9]{{2}}){mark}([0-9]{{4}})", _ORDERS[order]) for mark in "/-"
    )
    return (*_DAY_SPELLINGS, *_SHORT_PARTS, *ordered)


TRUE_AND_FALSE = {"true": True, "false": False}
BOOLEANS = TRUE_AND_FALSE | {
    "yes": True,
    "no": False,
    "t": True,
    "f": False,
    "y": True,
    "n": False,
    "1": True,
    "0": False,
}

_NUMBER = re.compile(NUMBER)
_DATETIME = re.compile(f"{LOCAL_DATETIME}|{ZONED_DATETIME}")
_COMPILED = {
    order: tuple((re.compile(spelling), iso) for spelling, iso in day_spellings(order))
    for order in (None, *_ORDERS)
}


def parse_number(cell: str) -> float | None:
    """The finite number that the cell writes in ASCII with a decimal point, else None."""
    cell = cell.strip(BLANKS)
    if not _NUMBER.fullmatch(cell):
        return None
    value = float(cell)
    return value if math.isfinite(value) else None


def parse_boolean(cell: str) -> bool | None:
    """The truth value of true, yes, t, y, 1 or false, no, f, n, 0 in any case, else None."""
    return BOOLEANS.get(cell.strip(BLANKS).lower())


def parse_datetime(cell: str, order: DateOrder | None = None) -> datetime | None:
    """The moment in UTC of a date or date and time in ISO 8601 or as 31.05.2024, else None.

    With an order also of one as 05/01/2024.
    """
    cell = cell.strip(BLANKS)
    for spelling, iso in _COMPILED[order]:
        cell = spelling.sub(iso, cell)
    if not _DATETIME.fullmatch(cell):
        return None
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
