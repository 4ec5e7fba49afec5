"""Learning curves as lines of text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.schemas.runs import MetricSeries

# Losses fall by orders of magnitude, so that only their logarithm shows how they fall.
LOGARITHMIC = ("train_loss", "val_loss")
BARS = "▁▂▃▄▅▆▇█"
GAP = " "
WIDTH = 40


def learning_curve(series: MetricSeries) -> list[str]:
    """Return a line per metric that the run has, the losses first.

    A line is the name, the course, the first and the last value. Losses are drawn by their
    logarithm.
    """
    found = {name: values for name, values in series.series.items() if values}
    names = sorted(found, key=lambda name: LOGARITHMIC.index(name) if name in LOGARITHMIC else 9)
    width = max(map(len, names), default=0)
    return [
        f"{name:<{width}}  {sparkline(_scaled(name, found[name]), width=WIDTH)}  "
        f"{_ends(found[name])}"
        for name in names
    ]


def sparkline(values: Sequence[float | None], *, width: int) -> str:
    """Draw values from the lowest (▁) to the highest (█) of them, at most `width` characters.

    Where there are more values than characters, each character shows the mean of its share, so
    that the whole curve is there. None, a value that was not finite, leaves a gap.
    """
    n = min(width, len(values))
    shares = [values[i * len(values) // n : (i + 1) * len(values) // n] for i in range(n)]
    means = [_mean([v for v in share if v is not None]) for share in shares]
    finite = [mean for mean in means if not math.isnan(mean)]
    if not finite:
        return GAP * n
    low, high = min(finite), max(finite)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(GAP if math.isnan(m) else BARS[round((m - low) * scale)] for m in means)


def _scaled(name: str, values: Sequence[float | None]) -> Sequence[float | None]:
    if name not in LOGARITHMIC:
        return values
    return [math.log(v) if v is not None and v > 0.0 else None for v in values]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _ends(values: Sequence[float | None]) -> str:
    ends = ["not finite" if value is None else f"{value:.4g}" for value in (values[0], values[-1])]
    return f"{ends[0]} to {ends[1]}"
