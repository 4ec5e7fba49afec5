"""How long a training may show nothing before it is taken for hung."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workers.stall import PATIENCE_S, Silence

if TYPE_CHECKING:
    from datetime import datetime

LOOK_S = 5.0


class SetClock:
    """Time that passes when a test says so."""

    seconds = 50.0

    def now(self) -> datetime:
        raise NotImplementedError

    def monotonic_s(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def silence(clock: SetClock) -> Silence:
    return Silence(clock, longest_look_s=15.0)


def n_looks(clock: SetClock, silence: Silence, at_most: int) -> int:
    """Look every five seconds until the training is taken for hung; say how often."""
    for n in range(1, at_most + 1):
        clock.seconds += LOOK_S
        if silence.look():
            return n
    return at_most


def test_a_training_that_shows_nothing_is_given_five_minutes(
    clock: SetClock, silence: Silence
) -> None:
    assert n_looks(clock, silence, 1000) == PATIENCE_S / LOOK_S + 1
    assert silence.seconds == PATIENCE_S + LOOK_S


def test_a_training_whose_steps_are_slow_is_given_twenty_of_them(
    clock: SetClock, silence: Silence
) -> None:
    for _ in range(3):
        clock.seconds += 60.0
        silence.step()
    # The look after the last step sees the step.
    assert n_looks(clock, silence, 1000) == 1 + 20 * 60.0 / LOOK_S + 1


def test_anything_done_ends_the_silence(clock: SetClock, silence: Silence) -> None:
    enough = int(PATIENCE_S / LOOK_S)
    for act in (silence.step, silence.sign, silence.step):
        assert n_looks(clock, silence, enough) == enough
        clock.seconds += 0.1
        act()
        assert not silence.look()
        assert silence.seconds == 0.0


def test_what_passes_while_nobody_looks_counts_for_little(
    clock: SetClock, silence: Silence
) -> None:
    clock.seconds += 3600.0
    assert not silence.look()
    assert silence.seconds == 15.0
