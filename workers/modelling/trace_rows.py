"""Rows written out as a table: each column by the type of its values, or like another table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from workers.modelling.plan import PlanError, PlanProblem
from workers.tabular.cell_readers import CellError, spelled
from workers.tabular.numbers import numeric_profile
from workers.tabular.options import orders_in
from workers.tabular.parquet import reading_of
from workers.tabular.prediction_input import pointer_part
from workers.tabular.profile import ColumnProfile, TableProfile
from workers.tabular.texts import TextSummary, boolean_profile, text_profile
from workers.tabular.types import BLANKS, parse_datetime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.tabular.types import DateOrder

TEXT: pa.DataType = pa.dictionary(pa.int32(), pa.string())


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows as a stored table would hold them: numbers, truth values, categories.

    A column has the type of its first value; a name that a row does not have is a missing cell
    there. PlanError where a value is of another type, by pointers into `rows`.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    return _table(rows, {name: _type_of([row.get(name) for row in rows]) for name in names})


def table_like(rows: Sequence[Mapping[str, Any]], like: pa.Table) -> pa.Table:
    """The rows with the columns and types of a stored table. PlanError where they do not fit."""
    unknown = [
        PlanProblem(_pointer(place, name), "unknown_column", "The table has no such column.")
        for place, row in enumerate(rows)
        for name in row
        if name not in like.column_names
    ]
    if unknown:
        raise PlanError(unknown)
    types = {field.name: field.type for field in like.schema}
    return _table(rows, types, orders_in(reading_of(like.schema)))


def profile_of(table: pa.Table, targets: Sequence[str]) -> TableProfile:
    """What a plan needs to know of such a table.

    One step can be taken whatever there is to learn: a column of equal values counts as one that
    varies, unless its classes are to be told apart.
    """
    columns = []
    for name in table.column_names:
        column = _profile(name, table[name])
        if column.distinct == 1 and (column.type == "numeric" or name not in targets):
            column = replace(column, distinct=2, integer=False)
        columns.append(column)
    return TableProfile(table.num_rows, tuple(columns), ())


def _table(
    rows: Sequence[Mapping[str, Any]],
    types: Mapping[str, pa.DataType],
    dates: Mapping[str, DateOrder] | None = None,
) -> pa.Table:
    orders = dates or {}
    problems = []
    columns: dict[str, Any] = {}
    for name, kind in types.items():
        cells = []
        for place, row in enumerate(rows):
            try:
                cells.append(_cell(row.get(name), kind, orders.get(name)))
            except CellError as error:
                problems.append(PlanProblem(_pointer(place, name), error.code, error.detail))
                cells.append(None)
        # A cell that does not fit is missing here; nobody will see the table.
        columns[name] = pa.chunked_array([pa.array(cells, _stored(kind)).cast(kind)])
    if problems:
        raise PlanError(problems)
    return pa.table(columns)


def _cell(value: Any, kind: pa.DataType, dates: DateOrder | None) -> Any:
    """A JSON value as a cell of a column, by the rules of a prediction. CellError."""
    if value is None:
        return None
    is_number = type(value) in (int, float)
    if pa.types.is_boolean(kind):
        if type(value) is not bool:
            raise CellError("not_a_boolean", "true, false or null is expected here.")
        return value
    if pa.types.is_timestamp(kind):
        moment = parse_datetime(value, dates) if isinstance(value, str) else None
        if moment is None:
            raise CellError("not_a_datetime", "A date as text or null is expected here.")
        return moment.replace(tzinfo=None)
    if pa.types.is_dictionary(kind):
        return _category(spelled(value) if is_number else value)
    if not is_number:
        raise CellError("not_a_number", "A number or null is expected here.")
    return float(value)


def _category(value: Any) -> str | None:
    if not isinstance(value, str):
        raise CellError("not_a_category", "A text, a number or null is expected here.")
    return value.strip(BLANKS) or None


def _type_of(values: Sequence[Any]) -> pa.DataType:
    first = next((value for value in values if value is not None), 0.0)
    if type(first) is bool:
        return pa.bool_()
    return TEXT if isinstance(first, str) else pa.float64()


def _stored(kind: pa.DataType) -> pa.DataType:
    # Arrow makes dictionaries and whole numbers from these, not from Python's values.
    if pa.types.is_dictionary(kind):
        return pa.string()
    return pa.float64() if pa.types.is_integer(kind) else kind


def _profile(name: str, column: Any) -> ColumnProfile:
    if pa.types.is_boolean(column.type):
        return boolean_profile(name, column, None)
    if pa.types.is_dictionary(column.type):
        return text_profile(name, TextSummary.of(column, "."), "categorical")[0]
    return numeric_profile(name, column, None)[0]


def _pointer(place: int, name: str) -> str:
    return f"/rows/{place}/{pointer_part(name)}"
