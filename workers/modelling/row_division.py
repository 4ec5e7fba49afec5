"""How many rows train, how many judge, and how they are chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workers.engine.spec import SplitSpec
from workers.modelling.feature_choice import DIVIDES
from workers.modelling.split_checks import rows_by_part, split_column
from workers.tabular.splits import part_sizes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from workers.modelling.findings import Findings
    from workers.modelling.plan import ModelWish
    from workers.modelling.target_task import Target
    from workers.tabular.profile import ColumnProfile, TableProfile
    from workers.tabular.splits import SplitMethod

MIN_ROWS_TO_VALIDATE = 10


@dataclass(frozen=True)
class Division:
    """The resolved split with the training and validation rows it makes.

    Where whole groups are divided, or rows without a target are among those that a column names,
    these are about so many; `most_train` is what no split of the rows goes beyond.
    """

    spec: SplitSpec
    n_train: int
    n_validation: int
    most_train: int


def divide(
    wish: ModelWish, target: Target, profile: TableProfile, findings: Findings
) -> Division | None:
    """The split of a wish, or None where it leaves no row for training.

    Not set: 20% validate, in classifications in proportion to the classes; below ten rows none
    do, and where the classes have too few rows to give, the rows are drawn at random. A column
    that says of each row where it belongs decides how many there are.
    """
    wished = dict(wish.split)
    found = split_column(wished, target, profile, findings)
    if found is not None and wish.features is None:
        findings.warn("feature_dropped", found.name, DIVIDES)
    if wished.get("method") == "column":
        return None if found is None else _as_written(wished, target, found, findings)
    if "validation" not in wished and target.n_rows < MIN_ROWS_TO_VALIDATE:
        wished["validation"] = 0.0
        detail = f"{target.n_rows} rows are too few to keep some for validation: all train."
        findings.warn("validation_dropped", None, detail)
    shape = SplitSpec(**wished)
    n_train, n_validation, n_test = part_sizes(target.n_rows, shape.validation, shape.test)
    if n_train < 1:
        detail = f"Of {target.n_rows} rows with a target none is left for training."
        findings.problem("/split", "no_training_rows", detail, target.n_rows)
        return None
    if "method" in wished:
        _check_method(shape, target, n_validation + n_test, findings)
    else:
        method = _method_for(target, n_validation + n_test, findings)
        shape = replace(shape, method=method)
    most_train = target.n_rows if shape.method == "group" else n_train
    return Division(shape, n_train, n_validation, most_train)


def _as_written(
    wished: Mapping[str, Any], target: Target, column: ColumnProfile, findings: Findings
) -> Division | None:
    """The division that a column spells out; the fractions become what it makes of them."""
    rows = rows_by_part(column, findings)
    if rows is None:
        return None
    n_rows = sum(rows.values())
    validation, test = rows["validation"] / n_rows, rows["test"] / n_rows
    for part, fraction in (("validation", validation), ("test", test)):
        if wished.get(part, fraction) != fraction:
            detail = f"The column decides which rows are for {part}: {fraction:.3g} of all."
            findings.warn("no_effect", column.name, detail)
    shape = SplitSpec(**{**wished, "validation": validation, "test": test})
    n_train, n_validation, _ = part_sizes(target.n_rows, shape.validation, shape.test)
    return Division(shape, max(n_train, 1), n_validation, min(rows["train"], target.n_rows))


def _method_for(target: Target, n_held_out: int, findings: Findings) -> SplitMethod:
    if target.classes is None:
        return "random"
    if n_held_out <= _rows_to_give(target, target.classes):
        return "stratified"
    detail = f"{target.n_rows} rows of {target.classes} classes are too few to divide each class."
    findings.warn("small_classes", target.columns[0].name, detail)
    return "random"


def _check_method(split: SplitSpec, target: Target, n_held_out: int, findings: Findings) -> None:
    if split.method != "stratified":
        return
    if target.classes is None:
        detail = "A stratified split needs classes, and this is a regression."
        findings.problem("/split/method", "spec_dataset_mismatch", detail)
    elif n_held_out > (limit := _rows_to_give(target, target.classes)):
        detail = "The classes have too few rows for each to keep one for training."
        findings.problem("/split/method", "spec_dataset_mismatch", detail, limit)


def _rows_to_give(target: Target, classes: int) -> int:
    """The rows that need not train: every class keeps one for training."""
    return target.n_rows - classes
