"""The steps down of a learning rate, as events: those of a plan, and those on a plateau."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.usecases.claims import NewEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from service.usecases.claims import EpochMetrics
    from workers.engine.spec import Schedule

# The other schedules move with every step or epoch: their curve is the news.
_STEPWISE = frozenset({"step", "multistep", "reduce_on_plateau"})


def rate_changes(
    schedule: Schedule | None, before: Mapping[str, Any], epochs: Sequence[EpochMetrics]
) -> Iterator[tuple[int, NewEvent]]:
    """Yield every epoch that went on with a smaller rate than the one before it, and its event.

    `before` are the metrics of the last epoch that was recorded until now. A rate that rises is
    the warm-up's.
    """
    if schedule is None or schedule.type not in _STEPWISE:
        return
    rates = {before.get("epoch"): before.get("learning_rate")}
    for epoch in epochs:
        earlier, rate = rates.get(epoch.epoch - 1), epoch.values.get("learning_rate")
        rates[epoch.epoch] = rate
        if earlier is None or rate is None or rate >= earlier:
            continue
        yield (
            epoch.epoch,
            NewEvent(
                type="learning_rate.changed",
                message=f"The learning rate of epoch {epoch.epoch} is {rate:.4g}, "
                f"down from {earlier:.4g}.",
                data={
                    "epoch": epoch.epoch,
                    "from": earlier,
                    "to": rate,
                    "schedule": schedule.type,
                },
            ),
        )
