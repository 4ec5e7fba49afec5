"""Metrics as the ledger keeps them: each epoch's once, compared when they come again."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import insert, literal, select

from service.store.db import upsert
from service.store.tables import EpochRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from service.usecases.claims import EpochMetrics

Nonfinite = Literal["nan", "inf", "-inf"]
Stored = float | Nonfinite
"""A metric as it is kept: what is not finite by its name."""


@dataclass(frozen=True)
class Recorded:
    """What became of metrics: epochs that are new, values that differ from an earlier attempt's."""

    new_epochs: frozenset[int]
    differing: tuple[tuple[str, int], ...]


def record(session: Session, run_id: str, fence: int, epochs: Sequence[EpochMetrics]) -> Recorded:
    """Write metrics that are not there yet and compare the others bit for bit.

    After a crash an attempt repeats what is newer than its checkpoint: the first values stay, and
    one that comes out otherwise shows that the training does not repeat itself on this machine.
    """
    if not epochs:
        return Recorded(frozenset(), ())
    texts = {epoch.epoch: _to_text(epoch.values) for epoch in epochs}
    rows = [
        {"run_id": run_id, "epoch": epoch, "metrics": text, "fence": fence}
        for epoch, text in texts.items()
    ]
    inserted = upsert(session, EpochRow).on_conflict_do_nothing().returning(EpochRow.epoch)
    new = frozenset(session.scalars(inserted, rows).all())
    repeated = texts.keys() - new
    return Recorded(new, _differing(session, run_id, {epoch: texts[epoch] for epoch in repeated}))


def of_run(
    session: Session, run_id: str, epochs: Sequence[int] | None = None
) -> dict[int, dict[str, Stored]]:
    """Return a run's metrics by epoch and name, in the order of the epochs; all, or of those."""
    query = select(EpochRow.epoch, EpochRow.metrics).where(EpochRow.run_id == run_id)
    if epochs is not None:
        query = query.where(EpochRow.epoch.in_(epochs))
    rows = session.execute(query.order_by(EpochRow.epoch)).all()
    # Read as one text: ten thousand small ones take three times as long.
    read = json.loads(f"[{','.join(text for _, text in rows)}]")
    return {epoch: values for (epoch, _), values in zip(rows, read, strict=True)}


def copy(session: Session, source: str, target: str, last_epoch: int) -> None:
    """Give a run the metrics of another one, up to an epoch: it goes on from there."""
    kept = select(literal(target), EpochRow.epoch, EpochRow.metrics, literal(0)).where(
        EpochRow.run_id == source, EpochRow.epoch <= last_epoch
    )
    session.execute(insert(EpochRow).from_select(["run_id", "epoch", "metrics", "fence"], kept))


def nonfinite_name(value: float) -> Nonfinite | None:
    """Return what a value that is not finite is called on the wire."""
    if math.isfinite(value):
        return None
    if math.isnan(value):
        return "nan"
    return "inf" if value > 0 else "-inf"


def _to_text(values: Mapping[str, float]) -> str:
    # Python writes the shortest digits that read back as the same bits.
    return json.dumps({name: nonfinite_name(v) or float(v) for name, v in values.items()})


def _differing(
    session: Session, run_id: str, repeated: Mapping[int, str]
) -> tuple[tuple[str, int], ...]:
    if not repeated:
        return ()
    stored = of_run(session, run_id, sorted(repeated))
    return tuple(
        (name, epoch)
        for epoch, text in sorted(repeated.items())
        for name in different(stored[epoch], json.loads(text))
    )


def different(one: Mapping[str, Stored], other: Mapping[str, Stored]) -> list[str]:
    """Return the names whose values are not the same bit for bit, or are in one alone."""
    # By their digits: 0.0 equals -0.0, and is another value.
    names = sorted(one.keys() | other.keys())
    return [name for name in names if repr(one.get(name)) != repr(other.get(name))]
