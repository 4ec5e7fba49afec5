"""What is asked about the target: numbers, one of two classes, or one of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.modelling.plan import Task
from workers.modelling.target_warnings import imbalance
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
    """The target's columns with the task; `classes` is None for a regression."""

    columns: tuple[ColumnProfile, ...]
    task: Task
    classes: int | None
    n_rows: int
    """Rows without a missing target: the others neither train nor judge. At most so many, where
    cells are missing in several target columns: the profile cannot tell in how many rows."""


def decide_target(
    wish: ModelWish, profile: TableProfile, max_classes: int, findings: Findings
) -> Target | None:
    """The target of a wish, or None with the problems found.

    A task that the user set is checked, never changed. Otherwise categories, texts and booleans
    are classes, and numbers are to be predicted as numbers, but where they look like the codes of
    classes (see `looks_like_codes`). Several columns are a regression.
    """
    if not isinstance(wish.target, str):
        return _several(wish, wish.target, profile, findings)
    column = _usable(_POINTER, wish.target, profile, findings)
    if column is None:
        return None
    n_rows = profile.rows - column.missing
    task = wish.task or _task_of(column, n_rows)
    if not _fits(task, column, max_classes, findings):
        return None
    if task == "regression":
        return Target((column,), task, None, n_rows)
    if wish.task is None and column.type == "numeric" and column.distinct > 2:
        detail = (
            f"Its {column.distinct} whole numbers are taken for classes; if they are counts or "
            'amounts, say "task": "regression".'
        )
        findings.warn("numbers_as_classes", column.name, detail)
    rare = imbalance(column, n_rows)
    if rare is not None and wish.training.get("class_weight") is None:
        detail = f'{rare}; "class_weight": "balanced" makes them count as much as the others.'
        findings.warn("class_imbalance", column.name, detail[0].upper() + detail[1:])
    return Target((column,), task, column.distinct, n_rows)


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


def _several(
    wish: ModelWish, names: tuple[str, ...], profile: TableProfile, findings: Findings
) -> Target | None:
    if wish.task not in (None, "regression"):
        detail = f"Several targets are a regression; a {wish.task} task has one."
        findings.problem("/task", "spec_dataset_mismatch", detail)
        return None
    columns = []
    for place, name in enumerate(names):
        pointer = f"{_POINTER}/{place}"
        column = _usable(pointer, name, profile, findings)
        if name in names[:place]:
            findings.problem(pointer, "duplicate_target", "The target is named twice.")
        elif column is not None and column.type != "numeric":
            detail = f"Several targets must all be numeric; this one is {column.type}."
            findings.problem(pointer, "spec_dataset_mismatch", detail)
        elif column is not None:
            columns.append(column)
    if not columns or len(columns) < len(names):
        return None
    n_rows = profile.rows - max(column.missing for column in columns)
    return Target(tuple(columns), "regression", None, n_rows)


def _task_of(column: ColumnProfile, n_rows: int) -> Task:
    if column.type == "numeric" and not looks_like_codes(column, n_rows):
        return "regression"
    return "binary" if column.distinct == 2 else "multiclass"


def _usable(
    pointer: str, name: str, profile: TableProfile, findings: Findings
) -> ColumnProfile | None:
    column = profile.column(name)
    if column is None:
        findings.problem(pointer, "unknown_column", "The table has no column of this name.")
    elif profile.rows == column.missing:
        findings.problem(pointer, "missing_target", "Every cell of the target is missing.")
    elif column.type in ("ignore", "datetime"):
        detail = f"A column of type {column.type} cannot be predicted."
        findings.problem(pointer, "target_type", detail)
    elif column.distinct < 2:
        detail = "All rows have the same target: there is nothing to learn."
        code = "constant_target" if column.type == "numeric" else "one_class"
        findings.problem(pointer, code, detail)
    else:
        return column
    return None


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
