"""Cells of text made values: which kind a column has, and its cells converted to it.

Work is done on the distinct cells of a column, and spread over its rows by index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

import pyarrow as pa
import pyarrow.compute as pc

from workers.tabular.types import (
    BLANKS,
    BOOLEANS,
    DECIMAL_COMMA_NUMBER,
    LOCAL_DATETIME,
    NUMBER,
    TRUE_AND_FALSE,
    WORDS_WITH_A_MEANING,
    ZONED_DATETIME,
    DateOrder,
    day_spellings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Column: TypeAlias = "pa.Array[Any]"
Chunks: TypeAlias = "pa.ChunkedArray[Any]"

# "empty": no cell of the column is known yet that is not missing. "truth": a boolean that was
# wished for, which takes more words than one that is inferred. Dates as 31/05/2024 have an order;
# "either_first" are those as 05/01/2024, which stay text unless another cell of the column tells.
Kind = (
    Literal["empty", "integer", "float", "boolean", "truth", "datetime", "either_first", "string"]
    | DateOrder
)

DATE_ORDERS: tuple[DateOrder, ...] = get_args(DateOrder)
_DATES = frozenset[Kind](("datetime", "either_first", *DATE_ORDERS))

STORED_TYPES: dict[Kind, pa.DataType] = {
    "empty": pa.dictionary(pa.int32(), pa.string()),
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "truth": pa.bool_(),
    "datetime": pa.timestamp("us"),
    "day_first": pa.timestamp("us"),
    "month_first": pa.timestamp("us"),
    "either_first": pa.dictionary(pa.int32(), pa.string()),
    "string": pa.dictionary(pa.int32(), pa.string()),
}

# Up to here no two whole numbers are the same float64; 2^53 may have been written as 2^53 + 1.
LARGEST_EXACT_INTEGER = 2**53 - 1

# 1,5 and 0,125 can only be decimals; 1,234 may be a thousand.
_SURELY_DECIMAL_COMMA = r"^[+-]?(0?,[0-9]+|[0-9]+,([0-9]{1,2}|[0-9]{4,})?)([eE][+-]?[0-9]+)?$"


# No date begins otherwise, and most columns of text do.
_DIGIT_AND_MARK = "^[0-9]{1,4}[-/.][0-9]"


@dataclass(frozen=True)
class Cells:
    """The cells of a column: `distinct` strings without blanks around them, null where missing.

    `indices` (N,) int32 says which of them stands in each row. `unchanged` says that they are as
    the parser left them, of which no two are equal. `lost` are those of WORDS_WITH_A_MEANING that
    were made null.
    """

    distinct: Column
    indices: Column
    unchanged: bool = False
    lost: frozenset[str] = frozenset()

    @classmethod
    def clean(cls, raw: Any, missing: Sequence[str]) -> Cells:
        """The cells as the parser left them, trimmed, with the missing ones made null."""
        distinct = clean_text(raw.dictionary, missing)
        unchanged = distinct.equals(raw.dictionary)
        return cls(distinct, raw.indices, unchanged, lost_words(raw.dictionary, distinct))

    @property
    def differ_mostly(self) -> bool:
        """Whether most of the cells differ: a dictionary of them is of no use."""
        return 2 * len(self.distinct) > len(self.indices)

    @property
    def present(self) -> Column:
        """The distinct cells that are not missing."""
        return self.distinct.drop_null()


def lost_words(raw: Column, clean: Column) -> frozenset[str]:
    """Of the WORDS_WITH_A_MEANING those that were made null by `clean_text`."""
    if clean.null_count == raw.null_count:
        return frozenset()
    words = raw.filter(pc.is_null(clean)).unique().to_pylist()
    return WORDS_WITH_A_MEANING.intersection(word.strip(BLANKS) for word in words if word)


def clean_text(raw: Column, missing: Sequence[str]) -> Column:
    """Cells of text (N,) string, trimmed, with the missing ones made null."""
    trimmed: Column = pc.utf8_trim(raw, characters=BLANKS)
    longest = max(len(token.encode()) for token in missing)
    lengths: Column = pc.binary_length(cast("Any", trimmed))
    is_short = pc.less_equal(lengths, pa.scalar(longest))
    if not pc.any(is_short).as_py():
        return trimmed
    null = pa.scalar(None, pa.string())
    # To look a cell up costs its length, and most texts are long.
    short = pc.if_else(is_short, trimmed, null)
    is_missing = pc.is_in(short, value_set=pa.array(missing, pa.string()))
    if not pc.any(is_missing).as_py():
        return trimmed
    present: Column = pc.if_else(is_missing, null, trimmed)
    return present


def classify(cells: Cells, decimal: str) -> Kind:
    """The narrowest kind that holds every cell.

    Whole numbers of which one has zeros in front are codes, such as postal ones: they stay text.
    """
    present = cells.present
    if not len(present):
        return "empty"
    if convert_distinct(present, "integer", decimal) is not None and _has_zeros_in_front(present):
        return "string"
    for kind in ("integer", "float", "boolean"):
        if convert_distinct(present, kind, decimal) is not None:
            return kind
    return kind_of_dates(present) or "string"


def kind_of_dates(present: Column) -> Kind | None:
    """How all the cells are dates; None where they are not."""
    if _datetimes(present) is not None:
        return "datetime"
    fitting = [order for order in DATE_ORDERS if _datetimes(present, order) is not None]
    if len(fitting) > 1:
        return "either_first"
    return fitting[0] if fitting else None


def join(one: Kind, other: Kind) -> Kind:
    """The narrowest kind that holds the cells of both."""
    if one == other or other == "empty":
        return one
    if one == "empty":
        return other
    if _DATES.issuperset((one, other)):
        orders = {one, other}.intersection(DATE_ORDERS)
        if not orders:
            return "either_first"
        return orders.pop() if len(orders) == 1 else "string"
    return "float" if {one, other} == {"integer", "float"} else "string"


def convert(cells: Cells, kind: Kind, decimal: str) -> Column | None:
    """The column in the stored type of the kind, or None where a cell does not fit."""
    values = convert_distinct(cells.distinct, kind, decimal)
    if values is None:
        return None
    if not pa.types.is_string(values.type):
        return values.take(cells.indices)
    if cells.unchanged and not values.null_count:
        return pa.DictionaryArray.from_arrays(cells.indices, values)
    # Trimming may have made two of the distinct cells equal.
    encoded = values.dictionary_encode()
    indices = encoded.indices.take(cells.indices)
    return pa.DictionaryArray.from_arrays(indices, encoded.dictionary)


def convert_distinct(distinct: Column, kind: Kind, decimal: str) -> Column | None:
    """The distinct cells as values of the kind, or None where one does not fit."""
    if kind == "string":
        return distinct
    if kind == "empty":
        return distinct if distinct.null_count == len(distinct) else None
    if kind in ("boolean", "truth"):
        return _booleans(distinct, BOOLEANS if kind == "truth" else TRUE_AND_FALSE)
    if kind == "datetime":
        return _datetimes(distinct)
    if kind in DATE_ORDERS:
        return _datetimes(distinct, kind)
    if kind == "either_first":
        found = kind_of_dates(distinct.drop_null())
        return distinct if found in ("datetime", "either_first") else None
    numbers = _numbers(distinct, decimal)
    return integers(numbers) if kind == "integer" and numbers is not None else numbers


def first_misfit(cells: Cells, kind: Kind, decimal: str) -> int:
    """The first row whose cell does not fit the kind, from 0; there must be one.

    Of dates it is the first that does not fit those above it.
    """
    if kind in _DATES:
        return _first_misfit_of_dates(cells, kind)
    misfits = [
        convert_distinct(cells.distinct.slice(position, 1), kind, decimal) is None
        for position in range(len(cells.distinct))
    ]
    return pa.array(misfits).take(cells.indices).index(True).as_py()


def _first_misfit_of_dates(cells: Cells, kind: Kind) -> int:
    kinds = [
        kind_of_dates(cells.distinct.slice(position, 1).drop_null()) or "string"
        for position in range(len(cells.distinct))
    ]
    for row, position in enumerate(cells.indices.to_pylist()):
        kind = kind if position is None else join(kind, kinds[position])
        if kind == "string":
            return row
    raise ValueError("every cell fits")


def integers(numbers: Column) -> Column | None:
    """The numbers as int64, or None where one is not whole or too large to be exact."""
    largest = pc.max(pc.abs(numbers)).as_py()
    if largest is not None and largest > LARGEST_EXACT_INTEGER:
        return None
    try:
        return numbers.cast(pa.int64())
    except pa.ArrowInvalid:
        return None


def are_finite(numbers: Column) -> bool:
    """Whether no number that is there is NaN or infinite."""
    return pc.all(pc.is_finite(numbers)).as_py() is not False


def are_numbers(distinct: Column, decimal: str) -> Column:
    """Which of the cells are written as numbers (a missing one is null)."""
    pattern = NUMBER if decimal == "." else DECIMAL_COMMA_NUMBER
    return pc.match_substring_regex(distinct, f"^({pattern})$")


def uses_decimal_comma(columns: Sequence[Cells]) -> bool:
    """Whether columns of the table are consistent numbers with a decimal comma, and none without.

    A column whose every comma is followed by three digits is no evidence: it may be thousands.
    """
    found = False
    for cells in columns:
        present = cells.present
        if not len(present):
            continue
        if _all(are_numbers(present, ".")):
            if pc.any(pc.match_substring(present, ".")).as_py():
                return False
        elif _all(are_numbers(present, ",")):
            found |= pc.any(pc.match_substring_regex(present, _SURELY_DECIMAL_COMMA)).as_py()
    return found


def _numbers(distinct: Column, decimal: str) -> Column | None:
    if not _all(are_numbers(distinct, decimal)):
        return None
    with_point = distinct if decimal == "." else pc.replace_substring(distinct, ",", ".")
    numbers = with_point.cast(pa.float64())
    return numbers if are_finite(numbers) else None


def _booleans(distinct: Column, words: dict[str, bool]) -> Column | None:
    lower = pc.ascii_lower(distinct)
    if not _all(pc.is_in(lower.drop_null(), value_set=pa.array(list(words)))):
        return None
    true = pa.array([word for word, value in words.items() if value])
    values: Column = pc.if_else(pc.is_valid(lower), pc.is_in(lower, value_set=true), None)
    return values


def _has_zeros_in_front(distinct: Column) -> bool:
    return pc.any(pc.match_substring_regex(distinct, "^0[0-9]+$")).as_py() is True


def _datetimes(distinct: Column, order: DateOrder | None = None) -> Column | None:
    if _all(pc.match_substring_regex(distinct, f"^{LOCAL_DATETIME}$")):
        return _cast(distinct, pa.timestamp("us"))
    if not _all(pc.match_substring_regex(distinct, _DIGIT_AND_MARK)):
        return None
    iso = f"^({LOCAL_DATETIME}|{ZONED_DATETIME})$"
    if not _all(pc.match_substring_regex(distinct, iso)):
        for spelling, in_iso in day_spellings(order):
            distinct = pc.replace_substring_regex(distinct, spelling, in_iso)
        if not _all(pc.match_substring_regex(distinct, iso)):
            return None
    zoned = pc.match_substring_regex(distinct, f"^({ZONED_DATETIME})$")
    null = pa.scalar(None, pa.string())
    local = _cast(pc.if_else(zoned, null, distinct), pa.timestamp("us"))
    utc = _cast(pc.if_else(zoned, distinct, null), pa.timestamp("us", "UTC"))
    if local is None or utc is None:
        return None
    moments: Column = pc.coalesce(local, utc.cast(pa.timestamp("us")))
    return moments


def _cast(texts: Column, kind: pa.DataType) -> Column | None:
    """The moments that the texts write; None where a day is none of the calendar's."""
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        return None


def _all(flags: Column) -> bool:
    return pc.all(flags).as_py() is not False
