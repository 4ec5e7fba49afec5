"""Tables in their stored form, written down in the tests."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def stored(**columns: list[Any]) -> pa.Table:
    """A table as `read_table` gives it: texts as a dictionary, moments in microseconds."""
    return pa.table({name: _column(values) for name, values in columns.items()})


def _column(values: list[Any]) -> Any:
    column: Any = pa.array(values)
    if pa.types.is_string(column.type):
        return column.dictionary_encode()
    return column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column
