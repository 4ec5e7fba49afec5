"""The report of a storm, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median

from tests.chaos.judge import Verdict


@dataclass(frozen=True)
class Report:
    """What was done to the service, and what came of it."""

    seed: int
    database: str
    minutes: float
    lease_s: float
    faults: Mapping[str, int]
    verdict: Verdict
    fenced_off: int
    seconds_to_notice: tuple[float, ...]
    """From a kill -9 of a worker until its run was back in the queue, ascending."""
    seconds_to_resume: tuple[float, ...]
    """Until it was claimed again: what the storm does meanwhile is part of it."""
    post_seconds: tuple[float, ...]
    """Until runs were accepted, ascending."""
    refused_seconds: tuple[float, ...]
    """Until requests were refused with 503, ascending."""
    unexpected: tuple[str, ...]
    """Answers and log lines that no fault explains."""

    @property
    def n_faults(self) -> int:
        return sum(self.faults.values())

    @property
    def is_clean(self) -> bool:
        """Whether every promise held."""
        return not (self.verdict.violations or self.unexpected)

    def to_json(self) -> str:
        """Return everything, as JSON."""
        return json.dumps({**asdict(self), "n_faults": self.n_faults, "is_clean": self.is_clean})

    def __str__(self) -> str:
        verdict = self.verdict
        lines = [
            f"seed {self.seed}, {self.database}, {self.minutes:.1f} minutes",
            f"faults           {self.n_faults}",
            *(f"  {n:4d}  {name}" for name, n in sorted(self.faults.items())),
            f"runs             {verdict.runs}",
            f"lost             {verdict.lost}",
            f"duplicates       {verdict.duplicates}",
            f"bit-identical    {verdict.identical}/{verdict.runs}",
            f"attempts         {_spread(verdict.attempts)}, crashes counted {verdict.crashes}",
            f"fenced off       {self.fenced_off}",
            f"back in queue    {_spread(self.seconds_to_notice)} s after kill -9"
            f" (lease {self.lease_s:g} s)",
            f"time to resume   {_spread(self.seconds_to_resume)} s after kill -9",
            f"POST accepted in {_spread(self.post_seconds)} s",
            f"503 refused in   {_spread(self.refused_seconds)} s",
            *(f"VIOLATION  {violation}" for violation in verdict.violations),
            *(f"UNEXPECTED {line}" for line in self.unexpected),
            "every promise held" if self.is_clean else "BROKEN",
        ]
        return "\n".join(lines)


def _spread(values: tuple[float, ...]) -> str:
    if not values:
        return "none"
    return f"median {median(values):.3g}, worst {max(values):.3g} (n = {len(values)})"
