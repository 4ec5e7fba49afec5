"""Curves: a run's metrics over its epochs, thinned to what a screen can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from service.schemas.runs import MetricSeries
from service.store.tables import EpochRow
from service.usecases import metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from service.usecases.metrics import Nonfinite


def curves(session: Session, run_id: str, max_points: int | None) -> MetricSeries:
    """Return every metric at the same epochs: all of them, or `max_points` evenly among them."""
    by_epoch = metrics.of_run(session, run_id, _chosen(session, run_id, max_points))
    # As they first appear: a run that goes on from another may have come to know more.
    names = dict.fromkeys(name for values in by_epoch.values() for name in values)
    series: dict[str, list[float | None]] = {}
    nonfinite: dict[str, dict[str, Nonfinite]] = {}
    for name in sorted(names):
        column = [values.get(name) for values in by_epoch.values()]
        series[name] = [None if isinstance(value, str) else value for value in column]
        other = {
            str(epoch): value
            for epoch, value in zip(by_epoch, column, strict=True)
            if isinstance(value, str)
        }
        if other:
            nonfinite[name] = other
    return MetricSeries(epochs=list(by_epoch), series=series, nonfinite=nonfinite)


def thinned(epochs: Sequence[int], max_points: int) -> list[int]:
    """Return at most `max_points` of the epochs, the first and the last among them."""
    n_epochs = len(epochs)
    if n_epochs <= max_points:
        return list(epochs)
    if max_points == 1:
        return [epochs[-1]]
    steps = max_points - 1
    return [epochs[(i * (n_epochs - 1) + steps // 2) // steps] for i in range(max_points)]


def _chosen(session: Session, run_id: str, max_points: int | None) -> list[int] | None:
    if max_points is None:
        return None
    known = select(EpochRow.epoch).where(EpochRow.run_id == run_id).order_by(EpochRow.epoch)
    return thinned(session.scalars(known).all(), max_points)
