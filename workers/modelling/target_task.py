"""What is asked about the target: a number, one of two classes, or one of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.modelling.plan import Task
from workers.tabular.profile import ColumnProfile

if TYPE_CHECKING:
    from workers.modelling.findings import Findings
    from workers.modelling.plan import ModelWish
    from workers.tabular.profile import TableProfile

MAX_CODES = 20
ROWS_PER_CODE = 10

_POINTER = "/target"


@dataclass(frozen=True)
class Target:
    """The target's column with the task; `classes` is None for a regression."""

    column: ColumnProfile
    task: Task
    classes: int | None
    n_rows: int
    """Rows whose target is not missing: the others neither train nor judge."""


def decide_target(
    wish: ModelWish, profile: TableProfile, max_classes: int, findings: Findings
) -> Target | None:
    """The target of a wish, or None with the problems found.

    A task that the user set is checked, never changed. Otherwise categories, texts and booleans
    are classes, and numbers are to be predicted as numbers, but where they look like the codes of
    classes (see `looks_like_codes`).
    """
    column = profile.column(wish.target)
    if column is None:
        findings.problem(_POINTER, "unknown_column", "The table has no column of this name.")
        return None
    n_rows = profile.rows - column.missing
    if not _is_usable(column, n_rows, findings):
        return None
    task = wish.task or _task_of(column, n_rows)
    if not _fits(task, column, max_classes, findings):
        return None
    return Target(column, task, None if task == "regression" else column.distinct, n_rows)


def looks_like_codes(column: ColumnProfile, n_rows: int) -> bool:
    """Whether the numbers of a column are more likely codes of classes than quantities.

    They are whole, at most 20 different ones, each in 10 rows or more on average; or they are two
    whole numbers within -1 and 2, in however few rows (the table of XOR has four).
    """
    if not column.integer or column.min is None or column.max is None:
        return False
    if column.distinct == 2 and column.min >= -1 and column.max <= 2:
        return True
    return column.distinct <= MAX_CODES and n_rows >= ROWS_PER_CODE * column.distinct


def _task_of(column: ColumnProfile, n_rows: int) -> Task:
    if column.type == "numeric" and not looks_like_codes(column, n_rows):
        return "regression"
    return "binary" if column.distinct == 2 else "multiclass"


def _is_usable(column: ColumnProfile, n_rows: int, findings: Findings) -> bool:
    if not n_rows:
        findings.problem(_POINTER, "missing_target", "Every cell of the target is missing.")
    elif column.type in ("ignore", "datetime"):
        detail = f"A column of type {column.type} cannot be predicted."
        findings.problem(_POINTER, "target_type", detail)
    elif column.distinct < 2:
        detail = "All rows have the same target: there is nothing to learn."
        code = "constant_target" if column.type == "numeric" else "one_class"
        findings.problem(_POINTER, code, detail)
    else:
        return True
    return False


def _fits(task: Task, column: ColumnProfile, max_classes: int, findings: Findings) -> bool:
    if task == "regression":
        if column.type == "numeric":
            return True
        detail = f"A regression needs a numeric target; this one is {column.type}."
        findings.problem("/task", "spec_dataset_mismatch", detail)
        return False
    if task == "binary" and column.distinct != 2:
        detail = f"A binary task needs two classes; the target has {column.distinct}."
        findings.problem("/task", "spec_dataset_mismatch", detail, 2)
        return False
    if column.distinct > max_classes:
        detail = f"The target has {column.distinct} classes; the limit is {max_classes}."
        findings.problem(_POINTER, "too_many_classes", detail, max_classes)
        return False
    return True
