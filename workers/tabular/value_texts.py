"""Values of any stored type as the text that would have been read as them."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from workers.tabular.cell_readers import spelled

if TYPE_CHECKING:
    from workers.tabular.cells import Column


def as_texts(values: Column) -> Any:
    """The values as dictionary<int32, string>, a missing one null.

    Numbers take their shortest spelling, a whole one without a point; moments are ISO 8601, only
    the day where it is midnight; truth values are true and false.
    """
    kind = values.type
    encoded: Any = values if pa.types.is_dictionary(kind) else values.dictionary_encode()
    distinct = encoded.dictionary
    if pa.types.is_string(distinct.type) or pa.types.is_large_string(distinct.type):
        texts = distinct.cast(pa.string())
    else:
        texts = pa.array([_text(value) for value in distinct.to_pylist()], pa.string())
    return pa.DictionaryArray.from_arrays(encoded.indices.cast(pa.int32()), texts)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        is_day = value.time() == time()
        return value.date().isoformat() if is_day else value.replace(tzinfo=None).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return None if math.isnan(value) else spelled(value)
