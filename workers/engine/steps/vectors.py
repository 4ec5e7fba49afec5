"""The vectors of stacked members as rows of common arrays, each state holding its own row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.engine.state import TrainingState
    from workers.engine.tensors import Array


class Vectors(NamedTuple):
    """What a step moves: parameters (K, P), moving averages (K, P) or None, slots (K, n)."""

    parameters: Array
    average: Array | None
    slots: dict[str, Array]


def alone(state: TrainingState) -> Vectors:
    """Those of one state, seen as a stack of one."""
    average = None if state.average is None else state.average[None]
    return Vectors(
        state.parameters[None], average, {name: slot[None] for name, slot in state.slots.items()}
    )


def join(states: Sequence[TrainingState], xp: Any) -> Vectors:
    """Copy the states' vectors into common arrays, whose rows they are from then on."""
    parameters = xp.stack([state.parameters for state in states])
    averages = [state.average for state in states if state.average is not None]
    average = xp.stack(averages) if averages else None
    names = states[0].slots
    slots = {name: xp.stack([state.slots[name] for state in states]) for name in names}
    for index, state in enumerate(states):
        state.parameters = parameters[index]
        state.average = None if average is None else average[index]
        state.slots = {name: slot[index] for name, slot in slots.items()}
    return Vectors(parameters, average, slots)


def leave(state: TrainingState) -> None:
    """Give the state vectors of its own again, with what its rows hold now."""
    state.parameters = state.parameters.copy()
    state.average = None if state.average is None else state.average.copy()
    state.slots = {name: slot.copy() for name, slot in state.slots.items()}
