"""Metrics as the ledger keeps them: each value of each epoch once, compared when it comes again."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select

from service.store.db import upsert
from service.store.tables import MetricRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from service.usecases.claims import EpochMetrics

Nonfinite = Literal["nan", "inf", "-inf"]


@dataclass(frozen=True)
class Recorded:
    """What became of metrics: epochs that are new, values that differ from an earlier attempt's."""

    new_epochs: frozenset[int]
    differing: tuple[tuple[str, int], ...]


def record(session: Session, run_id: str, fence: int, epochs: Sequence[EpochMetrics]) -> Recorded:
    """Write metrics that are not there yet and compare the others bit for bit.

    After a crash an attempt repeats what is newer than its checkpoint: the first value stays, and
    one that comes out otherwise shows that the training does not repeat itself on this machine.
    """
    values = {(name, e.epoch): value for e in epochs for name, value in e.values.items()}
    if not values:
        return Recorded(frozenset(), ())
    rows = [
        {"run_id": run_id, "name": name, "epoch": epoch, "fence": fence} | _stored(value)
        for (name, epoch), value in values.items()
    ]
    inserted = upsert(session, MetricRow).on_conflict_do_nothing()
    # One by one where the driver cannot do better; the keys that come back are the new ones.
    new = session.execute(inserted.returning(MetricRow.name, MetricRow.epoch), rows).all()
    written = {(name, epoch) for name, epoch in new}
    repeated = values.keys() - written
    return Recorded(
        frozenset(epoch for _, epoch in written),
        tuple(sorted(_differing(session, run_id, {key: values[key] for key in repeated}))),
    )


def nonfinite_name(value: float) -> Nonfinite | None:
    """Return what a value that is not finite is called on the wire."""
    if math.isfinite(value):
        return None
    if math.isnan(value):
        return "nan"
    return "inf" if value > 0 else "-inf"


def _stored(value: float) -> dict[str, float | str | None]:
    name = nonfinite_name(value)
    return {"value": None if name else float(value), "nonfinite": name}


def _differing(
    session: Session, run_id: str, repeated: dict[tuple[str, int], float]
) -> list[tuple[str, int]]:
    if not repeated:
        return []
    epochs = {epoch for _, epoch in repeated}
    query = select(MetricRow).where(MetricRow.run_id == run_id, MetricRow.epoch.in_(epochs))
    stored = {(row.name, row.epoch): (row.value, row.nonfinite) for row in session.scalars(query)}
    return [key for key, value in repeated.items() if _bits(*stored[key]) != _bits_of(value)]


def _bits_of(value: float) -> bytes | str:
    name = nonfinite_name(value)
    # Adding zero takes the sign from -0.0, which SQLite does not keep.
    return name or struct.pack("<d", value + 0.0)


def _bits(value: float | None, nonfinite: str | None) -> bytes | str:
    return struct.pack("<d", value + 0.0) if value is not None else nonfinite or ""
