"""How much work a report may be, so that it stays small beside the training before it.

Counted and not timed: a run that is repeated, or goes on elsewhere, has the same report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.engine.cost import flops_per_row

if TYPE_CHECKING:
    from workers.engine.network import Network

LINEAR_SHARE = 0.003
IMPORTANCE_SHARE = 0.007


@dataclass(frozen=True)
class Allowance:
    """Operations that a part of the report may take, in those of a training's products."""

    operations: float


def allowance(
    share: float, bounds: tuple[float, float], network: Network, rows_trained: int
) -> Allowance:
    """A share of what the training took in passing rows_trained rows, within bounds.

    What takes but milliseconds is always allowed; what would take seconds never is, because
    nothing interrupts a report.
    """
    least, most = bounds
    return Allowance(min(max(share * flops_per_row(network) * rows_trained, least), most))
