"""Where an attempt begins: at the run's checkpoint, at its parent's, or at epoch 0."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from service.usecases.claims import NewEvent
from workers.engine import optimizers
from workers.engine.training import TrainingState
from workers.fit import initial_states
from workers.modelling.checkpoint_weights import parameters_of
from workers.modelling.codec import (
    CodecError,
    folds_from_state,
    stacked,
    states_from_bytes,
    weights_from_state,
    weights_to_bytes,
)

if TYPE_CHECKING:
    from service.usecases.claims import Claim, ParentState
    from workers.engine.network import Network
    from workers.engine.spec import TrainingSpec
    from workers.modelling.estimator import Prepared

States = tuple[TrainingState, ...]

_log = logging.getLogger(__name__)


class BeginningError(Exception):
    """There is nothing to begin with: `code` for programs, `detail` for the run's owner."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Beginning:
    """The members' states to train from, and what is to be told of how they came about."""

    states: tuple[TrainingState, ...]
    events: tuple[NewEvent, ...] = ()
    folds: tuple[dict[str, Any], ...] = ()
    """What was found in the folds that earlier attempts have finished."""


def beginning_of(claim: Claim, prepared: Prepared) -> Beginning:
    """Return what a claimed run's training goes on from.

    Raises:
        BeginningError: there were checkpoints, or a parent, and none can be used. The run must not
            silently begin anew: it would be another one.
    """
    if claim.checkpoint_lost:
        detail = "None of its checkpoints is whole any more, so that the run cannot go on."
        raise BeginningError("checkpoint_corrupt", detail)
    if claim.checkpoint is None:
        return _first(claim, prepared)
    try:
        states = states_from_bytes(claim.checkpoint.state)
        folds = folds_from_state(claim.checkpoint.state)
    except CodecError as error:
        # The bytes are what was saved, by another version. Nothing is lost but time: the same
        # steps lead to the same bits.
        _log.warning("%s: starting over, %s", claim.run_id, error)
        told = _log_event(
            "The checkpoint is of a format that this version does not read: starting over.",
            "checkpoint_unreadable",
            level="warning",
            checkpoint_id=claim.checkpoint.id,
        )
        first = _first(claim, prepared)
        return Beginning(first.states, (told, *first.events))
    return Beginning(states, (_going_on(states),), tuple(folds))


def _first(claim: Claim, prepared: Prepared) -> Beginning:
    """The states before the run's own first step."""
    parent = claim.parent
    if parent is None:
        return _verified(claim, prepared, _fresh(claim, prepared))
    try:
        if parent.mode == "warm_start":
            return _verified(claim, prepared, _warm(claim, prepared, parent))
        states = _continued(claim, prepared, parent)
    except CodecError as error:
        _log.warning("%s: no beginning, %s", claim.run_id, error)
        detail = "The parent's checkpoint does not fit this run, or is of a format not read here."
        raise BeginningError("checkpoint_unreadable", detail) from None
    return Beginning(states, (_going_on(states, of=f" of {parent.run_id}"),))


def _fresh(claim: Claim, prepared: Prepared) -> States:
    return initial_states(prepared, claim.spec.training, claim.spec.seed)


def _verified(claim: Claim, prepared: Prepared, states: States) -> Beginning:
    """The states, with the weights of epoch 0 as they were saved if that was done already."""
    saved = claim.initial_weights
    parameters = stacked([state.parameters for state in states])
    if saved is None or weights_to_bytes(prepared.network, parameters) == saved:
        return Beginning(states)
    # Another version's seed. The saved ones are the run's: its owner may have taken them already.
    told = _log_event(
        "The seed gives other weights by now: going on with those that were saved at epoch 0.",
        "initial_weights_differ",
        level="warning",
    )
    return Beginning(_with_weights(states, prepared, saved), (told,))


def _warm(claim: Claim, prepared: Prepared, parent: ParentState) -> States:
    """Fresh states with the parent's weights. CodecError where they are other networks'."""
    weights = parent.weights or weights_from_state(parent.state or b"")
    return _with_weights(_fresh(claim, prepared), prepared, weights)


def _with_weights(states: States, prepared: Prepared, weights: bytes) -> States:
    for state, parameters in zip(
        states, parameters_of(weights, prepared.network, len(states)), strict=True
    ):
        for vector in (state.parameters, state.epoch_parameters, state.average):
            if vector is not None:
                vector[...] = parameters
    return states


def _continued(claim: Claim, prepared: Prepared, parent: ParentState) -> States:
    """The parent's states, ready for what this run's specification has otherwise. CodecError."""
    if parent.state is None:
        return _warm(claim, prepared, parent)
    training = claim.spec.training
    states = states_from_bytes(parent.state)
    if len(states) != training.members:
        raise CodecError("an ensemble of another size")
    return tuple(_ready(state, prepared, training) for state in states)


def _ready(state: TrainingState, prepared: Prepared, training: TrainingSpec) -> TrainingState:
    if state.parameters.shape != (prepared.network.n_parameters,) or state.divergence is not None:
        raise CodecError("a state that this run cannot go on from")
    if state.stop_reason == "early_stopping":
        state.bad_epochs = 0
    state.stop_reason = None
    _keep_slots(state, prepared.network, training)
    _keep_best(state, training)
    return state


def _keep_slots(state: TrainingState, network: Network, training: TrainingSpec) -> None:
    """Let the optimiser have the slots of its new numbers: momentum that was 0 had none."""
    dtype = state.parameters.dtype
    fresh = optimizers.initial_slots(training.optimizer, network.n_trainable, dtype)
    kept = {name: slot for name, slot in state.slots.items() if name in fresh}
    state.slots = fresh | {n: slot for n, slot in kept.items() if slot.shape == fresh[n].shape}


def _keep_best(state: TrainingState, training: TrainingSpec) -> None:
    """Where the best epoch's weights are wanted from now on, count only epochs that have them."""
    stopping = training.early_stopping
    if stopping is None or not stopping.restore_best or state.best_parameters is not None:
        return
    if state.best_epoch == state.epoch and state.best_value is not None:
        state.best_parameters = np.array(state.epoch_parameters)
    else:
        state.best_value, state.best_epoch, state.bad_epochs = None, 0, 0


def _going_on(states: States, of: str = "") -> NewEvent:
    epoch, step = max(state.epoch for state in states), max(state.step for state in states)
    place = f"epoch {epoch}, step {step}"
    return _log_event(f"Going on after {place}{of}.", "going_on", epoch=epoch, step=step)


def _log_event(
    message: str, code: str, *, level: Literal["info", "warning"] = "info", **data: Any
) -> NewEvent:
    return NewEvent("log", message, level=level, data={"code": code, **data})
