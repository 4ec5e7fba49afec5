"""How long a training has shown no step, and how long that may last."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.clock import Clock

PATIENCE_S = 300.0
"""A training that shows nothing for so long hangs, unless its steps are slow."""

_PATIENCE_STEPS = 20
_REMEMBERED = 101


class Silence:
    """Measures how long a training shows nothing, as one sees it who looks now and then.

    Reading the data and judging the result are to be shorter than the patience, too: whatever
    hangs must be noticed. What passes while nobody looks counts for little: a process that was
    frozen for an hour has not been silent for an hour.
    """

    def __init__(self, clock: Clock, *, longest_look_s: float) -> None:
        """Begin; of the time between two looks at most `longest_look_s` counts."""
        self._clock = clock
        self._longest_look_s = longest_look_s
        self._step_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._sign_s = self._look_s = clock.monotonic_s()
        self.seconds = 0.0
        """How long it has lasted by the last look."""

    def step(self) -> None:
        """Note that the training has done a step."""
        since_s = self._sign_s
        self.sign()
        self._step_s.append(self._sign_s - since_s)

    def sign(self) -> None:
        """Note that the training has done something else."""
        self._sign_s = self._clock.monotonic_s()

    def look(self) -> bool:
        """Tell whether the training has been silent for longer than its slowness explains."""
        now_s, before_s = self._clock.monotonic_s(), self._look_s
        self._look_s = now_s
        if self._sign_s > before_s:
            self.seconds = 0.0
            return False
        self.seconds += min(now_s - before_s, self._longest_look_s)
        usual_s = median(self._step_s) if self._step_s else 0.0
        return self.seconds > max(PATIENCE_S, _PATIENCE_STEPS * usual_s)
