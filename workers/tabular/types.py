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
    "NULL",
    "null",
    "None",
    "?",
    "-",
)

# ASCII digits only: float() also takes 1_0, Arabic-Indic digits, "infinity" and "nan".
NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
DECIMAL_COMMA_NUMBER = NUMBER.replace(r"\.", ",")

# ISO 8601 calendar dates, with a time of day or without, in UTC where no offset is written.
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
LOCAL_DATETIME = rf"{_DAY}({_TIME})?"
ZONED_DATETIME = rf"{_DAY}{_TIME}(Z|[+-][0-9]{{2}}:?[0-9]{{2}})"

# Other ways to write a day that can mean one day only, rewritten one after the other: 2024/05/31,
# 2024-05 (its first day), 31.05.2024, where the day always stands first. A slash behind the day or
# the month does not say which of them comes first.
DAY_SPELLINGS = (
    (r"^([0-9]{4})[/.]([0-9]{2})[/.]([0-9]{2})", r"\1-\2-\3"),
    (r"^([0-9]{4}-[0-9]{2})$", r"\1-01"),
    (r"^([0-9]\.[0-9]{1,2}\.[0-9]{4})", r"0\1"),
    (r"^([0-9]{2})\.([0-9])\.([0-9]{4})", r"\1.0\2.\3"),
    (r"^([0-9]{2})\.([0-9]{2})\.([0-9]{4})", r"\3-\2-\1"),
)

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
_DAY_SPELLINGS = tuple((re.compile(spelling), iso) for spelling, iso in DAY_SPELLINGS)


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


def parse_datetime(cell: str) -> datetime | None:
    """The moment in UTC of a date or date and time as DAY_SPELLINGS or ISO 8601 say, else None."""
    cell = cell.strip(BLANKS)
    for spelling, iso in _DAY_SPELLINGS:
        cell = spelling.sub(iso, cell)
    if not _DATETIME.fullmatch(cell):
        return None
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
