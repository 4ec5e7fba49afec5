"""Splits by a column: whether the table has what they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.tabular.column_splits import PARTS, part_named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from workers.modelling.findings import Findings
    from workers.modelling.target_task import Target
    from workers.tabular.column_splits import Part
    from workers.tabular.profile import ColumnProfile, TableProfile

BY_COLUMN = frozenset(("group", "column"))

_POINTER = "/split/column"
_MISMATCH = "spec_dataset_mismatch"
_NAMED = 5
_SHOWN = 60
_WORDS = '"train", "validation" (or "val", "valid") or "test"'


def split_column(
    wished: Mapping[str, Any], target: Target, profile: TableProfile, findings: Findings
) -> ColumnProfile | None:
    """The column that a wished split goes by; None without one, or where it cannot serve."""
    method, name = wished.get("method"), wished.get("column")
    if method not in BY_COLUMN:
        if name is not None:
            detail = 'A column divides the rows with the methods "group" and "column" alone.'
            findings.problem(_POINTER, _MISMATCH, detail)
        return None
    if name is None:
        detail = f'The method "{method}" needs the name of a column.'
        findings.problem(_POINTER, "missing", detail)
        return None
    column = profile.column(name)
    if column is None:
        findings.problem(_POINTER, "unknown_column", "The table has no column of this name.")
    elif column in target.columns:
        detail = "The target cannot say which rows train."
        findings.problem(_POINTER, "split_is_target", detail)
    elif column.missing:
        code, what = ("missing_group", "group") if method == "group" else ("missing_part", "part")
        detail = f"{column.missing} rows name no {what}; every row needs one."
        findings.problem(_POINTER, code, detail, 0)
    elif method == "column" or _has_groups(wished, column, findings):
        return column
    return None


def rows_by_part(column: ColumnProfile, findings: Findings) -> dict[Part, int] | None:
    """How many rows a column gives to each part; None where it has other words, or none trains."""
    counts = dict.fromkeys(PARTS, 0)
    if column.type in ("numeric", "boolean", "datetime"):
        detail = f"The cells must be {_WORDS}; this column is {column.type}."
        findings.problem(_POINTER, "split_column_type", detail)
        return None
    unknown = []
    for value in column.top:
        part = part_named(value.value)
        if part is None:
            unknown.append(f'"{value.value[:_SHOWN]}" in {value.count} rows')
        else:
            counts[part] += value.count
    n_others = column.distinct - len(column.top)
    if unknown or n_others:
        more = max(len(unknown) - _NAMED, 0) + n_others
        said = ", ".join(unknown[:_NAMED])
        others = f"{' and ' if said else ''}{more} more words" if more else ""
        detail = f"A cell must be {_WORDS}. The column also has {said}{others}."
        findings.problem(_POINTER, "unknown_part", detail)
        return None
    if not counts["train"]:
        detail = "The column leaves no row for training."
        findings.problem(_POINTER, "no_training_rows", detail)
        return None
    return counts


def _has_groups(wished: Mapping[str, Any], column: ColumnProfile, findings: Findings) -> bool:
    """Whether there is a group for each part."""
    n_parts = 1 + (wished.get("validation", 0.2) > 0.0) + (wished.get("test", 0.0) > 0.0)
    if column.distinct >= n_parts:
        return True
    detail = f"The column has {column.distinct} groups for {n_parts} parts of the split."
    findings.problem(_POINTER, "too_few_groups", detail, column.distinct)
    return False
