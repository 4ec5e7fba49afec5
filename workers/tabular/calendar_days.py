"""Which texts are days of the calendar, told one by one: in a column of dates a few may be none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.]+.*)?$"
_YEAR, _MONTH, _DAY = (0, 4), (5, 7), (8, 10)
# By the number of the month, which may be any of two digits.
_LENGTHS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] + [0] * 87)


def are_days(texts: Any) -> NDArray[np.bool_]:
    """Which of the texts (N,) are days as 2024-05-31, with a time or without; not missing ones."""
    flags: Any = pc.match_substring_regex(texts, _ISO_DAY)
    found: NDArray[np.bool_] = flags.fill_null(False).to_numpy(zero_copy_only=False)
    if not found.any():
        return found
    written = texts.filter(pa.array(found))
    year, month, day = (_part(written, place) for place in (_YEAR, _MONTH, _DAY))
    is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    n_days = _LENGTHS[month] + (is_leap & (month == 2))
    found = found.copy()
    found[found] = (year > 0) & (day > 0) & (day <= n_days)
    return found


def _part(texts: Any, place: tuple[int, int]) -> NDArray[np.int32]:
    part: Any = pc.utf8_slice_codeunits(texts, *place)
    numbers: NDArray[np.int32] = part.cast(pa.int32()).to_numpy()
    return numbers
