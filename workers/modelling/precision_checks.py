"""Whether the numbers of a table that are learned as they are fit into the training's precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workers.engine.backend import dtype_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workers.modelling.findings import Findings
    from workers.modelling.plan import ModelPlan
    from workers.tabular.profile import ColumnProfile, TableProfile

_POINTER = "/training/precision"


def check_precision(plan: ModelPlan, profile: TableProfile, findings: Findings) -> None:
    """Note numbers that would become infinite; what is standardised is none of them."""
    dtype = dtype_of(plan.training.precision)
    largest = float(np.finfo(dtype).max)
    for column in _read_as_they_are(plan, profile):
        farthest = max(column.min or 0.0, column.max or 0.0, key=abs)
        with np.errstate(over="ignore"):
            fits = bool(np.isfinite(dtype.type(farthest)))
        if not fits:
            detail = (
                f"Column {column.name} goes to {farthest:.4g}, and {dtype.name} to {largest:.4g}: "
                f'take "precision": "float64" or "preprocessing": "standard".'
            )
            findings.problem(_POINTER, "too_large_number", detail, largest)


def _read_as_they_are(plan: ModelPlan, profile: TableProfile) -> Iterable[ColumnProfile]:
    names: set[str] = set()
    if plan.preprocessing == "none":
        names |= set(plan.features) - set(plan.embedded)
    if plan.task == "regression" and not plan.standardises_target:
        names |= set(plan.targets)
    return [column for column in profile.columns if column.name in names]
