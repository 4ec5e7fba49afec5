"""Curves: a run's metrics over its epochs, thinned to what a screen can show."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sqlalchemy import select

from service.schemas.runs import MetricSeries
from service.store.tables import MetricRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from service.usecases.metrics import Nonfinite


def curves(session: Session, run_id: str, max_points: int | None) -> MetricSeries:
    """Return every metric at the same epochs: all of them, or `max_points` evenly among them."""
    mine = MetricRow.run_id == run_id
    known = select(MetricRow.epoch).where(mine).distinct().order_by(MetricRow.epoch)
    epochs = thinned(session.scalars(known).all(), max_points)
    query = select(MetricRow.name, MetricRow.epoch, MetricRow.value, MetricRow.nonfinite)
    if max_points is not None:
        query = query.where(MetricRow.epoch.in_(epochs))
    place = {epoch: index for index, epoch in enumerate(epochs)}
    series: dict[str, list[float | None]] = {}
    nonfinite: dict[str, dict[str, Nonfinite]] = {}
    for name, epoch, value, other in session.execute(query.where(mine).order_by(MetricRow.name)):
        series.setdefault(name, [None] * len(epochs))[place[epoch]] = value
        if other is not None:
            nonfinite.setdefault(name, {})[str(epoch)] = cast("Nonfinite", other)
    return MetricSeries(epochs=epochs, series=series, nonfinite=nonfinite)


def thinned(epochs: Sequence[int], max_points: int | None) -> list[int]:
    """Return at most `max_points` of the epochs, the first and the last among them."""
    n_epochs = len(epochs)
    if max_points is None or n_epochs <= max_points:
        return list(epochs)
    if max_points == 1:
        return [epochs[-1]]
    steps = max_points - 1
    return [epochs[(i * (n_epochs - 1) + steps // 2) // steps] for i in range(max_points)]
