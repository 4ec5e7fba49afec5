"""Weights of classes and of rows: whether those that were asked for can be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.tabular.cell_readers import spelled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.engine.spec import TrainingSpec
    from workers.modelling.findings import Findings
    from workers.modelling.target_task import Target
    from workers.tabular.profile import ColumnProfile, TableProfile

_NAMED = 10
_SHOWN = 60
_CLASSES = "/training/class_weight"
_ROWS = "/training/sample_weight"


def check_weights(
    spec: TrainingSpec, target: Target, profile: TableProfile, findings: Findings
) -> None:
    """Note weights that do not go with the task, the classes or the table."""
    if spec.class_weight is not None and target.classes is None:
        note_no_classes(findings)
    elif spec.class_weight is not None and spec.class_weight != "balanced":
        _check_labels(spec.class_weight, target.columns[0], findings)
    if spec.sample_weight is not None:
        _check_column(spec.sample_weight, target, profile, findings)


def note_no_classes(findings: Findings) -> None:
    """Note that classes are weighed where none are."""
    detail = "A regression has no classes to weigh; sample_weight names a column of weights."
    findings.problem(_CLASSES, "spec_dataset_mismatch", detail)


def wrong_labels(weights: Mapping[str, float], labels: tuple[str, ...]) -> str | None:
    """Which labels have no weight, or how many weights no label, in words; None where all agree.

    Only what the table says is named: the words go into answers, which never repeat a request.
    """
    missing = [label for label in labels if label not in weights]
    unknown = len(weights.keys() - set(labels))
    parts = []
    if missing:
        parts.append(f"There is no weight for {_listed(missing)}.")
    if unknown:
        classes = _listed(list(labels))
        names = "1 name is" if unknown == 1 else f"{unknown} names are"
        parts.append(f"{names} not among the target's classes: {classes}.")
    return " ".join(parts) or None


def _check_labels(weights: Mapping[str, float], column: ColumnProfile, findings: Findings) -> None:
    labels = _known_labels(column)
    wrong = None if labels is None else wrong_labels(weights, labels)
    if wrong is None and len(weights) != column.distinct:
        wrong = f"There are {len(weights)} weights for {column.distinct} classes."
    if wrong is not None:
        findings.problem(_CLASSES, "class_weight_labels", wrong, column.distinct)
    elif not any(weights.values()):
        findings.problem(_CLASSES, "zero_weights", "One weight at least must be more than 0.")


def _known_labels(column: ColumnProfile) -> tuple[str, ...] | None:
    """Every label of the target as the model will name them, where the profile tells them all."""
    if column.top and len(column.top) == column.distinct:
        return tuple(value.value for value in column.top)
    if column.type != "numeric" or column.min is None or column.max is None:
        return None
    if column.distinct == 2:
        return spelled(column.min), spelled(column.max)
    if column.integer and column.max - column.min + 1 == column.distinct:
        return tuple(spelled(column.min + k) for k in range(column.distinct))
    return None


def _check_column(name: str, target: Target, profile: TableProfile, findings: Findings) -> None:
    column = profile.column(name)
    if column is None:
        findings.problem(_ROWS, "unknown_column", "The table has no column of this name.")
    elif column in target.columns:
        findings.problem(_ROWS, "weight_is_target", "The target cannot weigh its own rows.")
    elif column.type != "numeric":
        detail = f"Weights are numbers, and this column is {column.type}."
        findings.problem(_ROWS, "weight_type", detail)
    elif column.missing:
        detail = f"{column.missing} rows have no weight; every row needs one."
        findings.problem(_ROWS, "missing_weight", detail, 0)
    elif column.min is None or column.min < 0.0:
        findings.problem(_ROWS, "negative_weight", "A weight cannot be less than 0.", 0)
    elif not column.max:
        findings.problem(_ROWS, "zero_weights", "One weight at least must be more than 0.")


def _listed(labels: list[str]) -> str:
    # A label is a cell, which may be as long as a book.
    named = ", ".join(f'"{label[:_SHOWN]}"' for label in labels[:_NAMED])
    return f"{named} and {len(labels) - _NAMED} more" if len(labels) > _NAMED else named
