"""The whole engine on another device: the catalogue trained there and by the reference."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

from tests.workers.engine.guard.catalogue import (
    ACTIVATIONS,
    CASES,
    LAYERS,
    LOSSES,
    N_ROWS,
    OPTIMIZERS,
    OUTPUTS,
    Case,
    in_precision,
)
from tests.workers.engine.guard.devices import DEVICES
from tests.workers.engine.guard.kernels import Transfers, guard_kernels
from workers.engine import spec
from workers.engine.kernels.plain import PLAIN
from workers.engine.steps import batches
from workers.engine.training import EpochReport, TrainingState, train

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.engine.kernels.contract import Kernels

SEED = 5
PRECISIONS = {"float32": 1e-5, "float64": 1e-12}


def _trained(
    case: Case, kernels: Kernels, clock: Any = None
) -> tuple[TrainingState, list[EpochReport]]:
    network, data = case.network(), case.data()
    state = TrainingState.initial(network, case.training, SEED)
    timing = {} if clock is None else {"clock": clock}
    steps = train(network, state, data, case.training, SEED, kernels=kernels, **timing)
    return state, [progress.report for progress in steps if progress.report is not None]


def _ticking() -> Any:
    """A clock by which every look at it takes a second: a chunk is one step."""
    seconds: Iterator[int] = iter(range(10**9))
    return lambda: float(next(seconds))


def test_the_cases_are_the_whole_catalogue() -> None:
    assert {name.removeprefix("activation-") for name in ACTIVATIONS} == set(
        get_args(spec.Activation)
    )
    assert {name.removeprefix("output-") for name in OUTPUTS} == set(
        get_args(spec.OutputActivation)
    )
    kinds = {layer.type for case in LAYERS.values() for layer in case.hidden.layers}
    assert kinds == {member.type for member in get_args(get_args(spec.Layer)[0])}
    losses = {case.training.loss.type for case in LOSSES.values()}
    assert losses == {member.type for member in get_args(get_args(spec.Loss)[0])}
    optimizers = {case.training.optimizer.type for case in OPTIMIZERS.values()}
    assert optimizers == {member.type for member in get_args(get_args(spec.Optimizer)[0])}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("device", DEVICES)
def test_a_training_is_that_of_the_reference(device: str, name: str, precision: str) -> None:
    case, tolerance = in_precision(CASES[name], precision), PRECISIONS[precision]
    ours, our_reports = _trained(case, DEVICES[device]())
    theirs, their_reports = _trained(case, PLAIN)

    assert ours.arrays().keys() == theirs.arrays().keys()
    for key, array in theirs.arrays().items():
        np.testing.assert_allclose(ours.arrays()[key], array, tolerance, tolerance, err_msg=key)
    assert len(our_reports) == len(their_reports)
    for our, their in zip(our_reports, their_reports, strict=True):
        assert our.epoch == their.epoch
        assert our.metrics == pytest.approx(their.metrics)
        for figure in ("train_loss", "val_loss", "learning_rate"):
            found, expected = getattr(our, figure), getattr(their, figure)
            assert found == pytest.approx(expected, rel=tolerance, abs=tolerance)
    assert (ours.stop_reason, ours.best_epoch) == (theirs.stop_reason, theirs.best_epoch)


@pytest.mark.parametrize("name", [*OPTIMIZERS, "everything", "plateau", "early_stopping"])
@pytest.mark.parametrize("device", DEVICES)
def test_a_training_goes_on_from_a_checkpoint_bit_for_bit(device: str, name: str) -> None:
    case = CASES[name]
    network, data = case.network(), case.data()
    whole = TrainingState.initial(network, case.training, SEED)
    checkpoints = []
    for _ in train(
        network, whole, data, case.training, SEED, kernels=DEVICES[device](), clock=_ticking()
    ):
        arrays = {key: np.array(array) for key, array in whole.arrays().items()}
        checkpoints.append((arrays, copy.deepcopy(whole.scalars())))

    arrays, scalars = checkpoints[len(checkpoints) // 2]
    state = TrainingState.from_parts(arrays, scalars)
    list(train(network, state, data, case.training, SEED, kernels=DEVICES[device]()))
    assert state.scalars() == whole.scalars()
    for key, array in whole.arrays().items():
        assert isinstance(array, np.ndarray)
        assert state.arrays()[key].tobytes() == array.tobytes(), key


@pytest.mark.parametrize("device", DEVICES)
def test_a_divergence_is_found_with_its_step_and_leaves_the_last_finite_epoch(device: str) -> None:
    case = CASES["optimizer-sgd"]
    diverging = case._replace(
        training=spec.TrainingSpec(
            epochs=50,
            batch_size=16,
            loss=spec.MseSpec(),
            optimizer=spec.SgdSpec(learning_rate=10.0),
        )
    )
    ours, _ = _trained(diverging, DEVICES[device]())
    theirs, _ = _trained(diverging, PLAIN)
    assert ours.stop_reason == theirs.stop_reason == "diverged"
    assert ours.divergence is not None
    assert theirs.divergence is not None
    assert (ours.divergence.epoch, ours.divergence.step) == (
        theirs.divergence.epoch,
        theirs.divergence.step,
    )
    assert np.isfinite(ours.arrays()["parameters"]).all()


@pytest.mark.parametrize("name", ["everything", "loss-mse", "optimizer-adamw"])
def test_an_epoch_copies_its_losses_and_what_it_validates_and_nothing_else(name: str) -> None:
    case = CASES[name]._replace(training=_longer(CASES[name].training))
    transfers = Transfers()
    kernels = guard_kernels(transfers)
    network, data = case.network(), case.data()
    state = TrainingState.initial(network, case.training, SEED)
    counts = []
    # A still clock: an epoch is one chunk.
    for progress in train(
        network, state, data, case.training, SEED, kernels=kernels, clock=lambda: 0.0
    ):
        if progress.report is not None:
            counts.append((transfers.to_host_bytes, transfers.to_device_count))
    n_readings = -(-(N_ROWS // 2) // kernels.steps_per_check)
    # A number for each step between two readings, one for each vector, and the parameters.
    numbers = n_readings * kernels.steps_per_check + 2 + len(state.slots) + network.n_parameters
    for n_bytes, n_uploads in np.diff(counts, axis=0):
        assert n_bytes <= 8 * numbers
        assert n_uploads == 0


def _longer(training: spec.TrainingSpec) -> spec.TrainingSpec:
    fields = {name: getattr(training, name) for name in training.__dataclass_fields__}
    return spec.TrainingSpec(**fields | {"batch_size": 2, "epochs": 4, "accumulate": 1})


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_table_too_large_for_the_device_is_sent_a_stretch_at_a_time(
    shuffle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two batches of 16 rows of 4 numbers, and their targets.
    monkeypatch.setattr(batches, "STAGED_BYTES", 2 * 16 * (4 + 2) * 8)
    fields = dict(CASES["weights-regression"].training.__dict__, shuffle=shuffle)
    case = CASES["weights-regression"]._replace(training=spec.TrainingSpec(**fields))
    resident, _ = _trained(case, guard_kernels(Transfers()))
    sent, _ = _trained(case, guard_kernels(Transfers(), room=100))
    for key, array in resident.arrays().items():
        assert sent.arrays()[key].tobytes() == array.tobytes(), key
