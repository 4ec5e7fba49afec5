"""The storm: one fault after the other, drawn from a seed, for a time."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from tests.chaos.faults import FAULTS, NotNowError, Scene
from tests.chaos.victims import Victims

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.faults import Fault, Lasting
    from tests.chaos.load import Load
    from tests.chaos.site import Database, Site

_POLL_S = 0.02


class Storm:
    """Strikes a site again and again; `struck` counts the faults by name."""

    def __init__(self, site: Site, load: Load, *, seed: int) -> None:
        self.struck: Counter[str] = Counter()
        self.victims = Victims(site.sessions)
        self.raged_s = 0.0
        self._site = site
        self._load = load
        self._seed = seed
        self._n_drawn = 0
        self._held: set[object] = set()
        self._lasting: list[tuple[float, int, Lasting]] = []

    def rage(self, seconds: float, database: Database, *, least: int, pause_s: float) -> None:
        """Strike for so long, and so often at least, `pause_s` apart at the mean; then heal."""
        faults = [fault for fault in FAULTS if database in fault.databases]
        began_s = due_s = time.monotonic()
        try:
            while time.monotonic() < began_s + seconds or self.struck.total() < least:
                self._site.watch()
                self._end_what_is_over(time.monotonic())
                if time.monotonic() >= due_s:
                    due_s = time.monotonic() + self._strike(faults, pause_s)
                time.sleep(_POLL_S)
        finally:
            self.raged_s = time.monotonic() - began_s
            self._end_what_is_over(float("inf"))

    def _strike(self, faults: Sequence[Fault], pause_s: float) -> float:
        """Strike once, and return the seconds until the next time."""
        # Each from a stream of its own: the n-th is the same however long the others took.
        rng = Random(f"{self._seed}/{self._n_drawn}")  # noqa: S311 - to be repeated, not to be secret
        self._n_drawn += 1
        fault = rng.choices(faults, [fault.weight for fault in faults])[0]
        scene = Scene(self._site, rng, self.victims, self._load.pause_one, self._held)
        try:
            lasting = fault.strike(scene)
        except NotNowError:
            return 0.0
        self.struck[fault.name] += 1
        if lasting is not None:
            self._held.add(lasting.target)
            end_s = time.monotonic() + lasting.seconds
            heapq.heappush(self._lasting, (end_s, self._n_drawn, lasting))
        return rng.uniform(0.2 * pause_s, 1.8 * pause_s)

    def _end_what_is_over(self, now_s: float) -> None:
        while self._lasting and self._lasting[0][0] <= now_s:
            _, _, lasting = heapq.heappop(self._lasting)
            lasting.end()
            self._held.discard(lasting.target)
