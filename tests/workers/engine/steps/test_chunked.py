"""Compiled chunks compute what the reference computes, however they are cut."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from workers.engine.kernels.chunk import CHUNKED
from workers.engine.kernels.compiled import COMPILED
from workers.engine.kernels.plain import PLAIN
from workers.engine.kernels.program import ACTIVATION_CODES
from workers.engine.network import Network
from workers.engine.problem import TrainingData
from workers.engine.spec import (
    AdamSpec,
    AdamWSpec,
    BatchNormSpec,
    BinaryCrossEntropySpec,
    DenseSpec,
    DropoutSpec,
    HuberSpec,
    LayerNormSpec,
    MseSpec,
    NadamSpec,
    NetworkSpec,
    OneCycleSchedule,
    ResidualSpec,
    ScaleSpec,
    SgdSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)
from workers.engine.state import TrainingState
from workers.engine.steps import chunked
from workers.engine.steps.chunk_plan import covers
from workers.engine.training import train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workers.engine.kernels.contract import Kernels

GATES = {"float32": 1e-5, "float64": 1e-12}
ROWS, INPUTS, OUTPUTS = 70, 5, 3
SPEC = TrainingSpec(epochs=10, batch_size=16, loss=SoftmaxCrossEntropySpec())
"""Five steps per epoch, the last of 6 rows: 50 steps."""

Problem = tuple[Network, TrainingSpec, TrainingData]


def problem(
    spec: TrainingSpec,
    layers: tuple[Any, ...] = (DenseSpec(units=8, activation="tanh"),),
    *,
    output: str | None = None,
    skip: bool = False,
    weighted: bool = False,
) -> Problem:
    outputs = {"mse": "identity", "binary_cross_entropy": "sigmoid"}
    rng = np.random.default_rng(1)
    activation: Any = output or outputs.get(spec.loss.type, "softmax")
    network = Network(
        NetworkSpec(layers=layers, skip=skip),
        n_inputs=INPUTS,
        n_outputs=OUTPUTS,
        output_activation=activation,
    )
    y: Any = rng.uniform(0.0, 1.0, (ROWS, OUTPUTS))
    if spec.loss.type == "binary_cross_entropy":
        y = y.round()
    elif activation == "softmax":
        y = rng.integers(0, OUTPUTS, ROWS)
    weights = rng.uniform(0.0, 2.0, ROWS) if weighted else None
    return network, spec, TrainingData(rng.normal(size=(ROWS, INPUTS)), y, weights=weights)


def trained(
    given: Problem, kernels: Kernels, clock: Callable[[], float] = lambda: 0.0
) -> tuple[TrainingState, list[float]]:
    network, spec, data = given
    state = TrainingState.initial(network, spec, 7)
    run = train(network, state, data, spec, 7, kernels=kernels, clock=clock)
    return state, [p.report.train_loss for p in run if p.report is not None]


def in_precision(given: Problem, precision: Any) -> Problem:
    return given[0], replace(given[1], precision=precision), given[2]


def of(**fields: Any) -> TrainingSpec:
    return replace(SPEC, **fields)


TWO = (DenseSpec(units=8, activation="tanh"), DenseSpec(units=6, activation="tanh"))
DROPPED = (DropoutSpec(rate=0.1), TWO[0], DropoutSpec(rate=0.4), TWO[1])
PENALISED = (DenseSpec(units=8, activation="tanh", l1=0.01, l2=0.02, bias=False),)
ODD = tuple(DenseSpec(units=units, activation="tanh") for units in (17, 33, 70, 7))
"""Units that are no multiple of what a register holds."""
WIDE = tuple(DenseSpec(units=units, activation="tanh") for units in (24, 300, 9))
"""A layer too wide for products of our own between others."""
CASES: dict[str, Problem] = {
    **{
        name: problem(
            of(loss=MseSpec(), optimizer=SgdSpec(learning_rate=0.05)),
            (DenseSpec(units=8, activation=name), DenseSpec(units=6, activation=name)),  # type: ignore[arg-type]
        )
        for name in ACTIVATION_CODES
    },
    "no hidden layer": problem(of(loss=MseSpec()), ()),
    "dropout": problem(SPEC, DROPPED),
    "skip, weights, smoothing": problem(
        of(loss=SoftmaxCrossEntropySpec(label_smoothing=0.1)), skip=True, weighted=True
    ),
    "binary, weights, smoothing": problem(
        of(loss=BinaryCrossEntropySpec(label_smoothing=0.1)), weighted=True
    ),
    "output activation, penalties, AdamW": problem(
        of(loss=MseSpec(), optimizer=AdamWSpec(weight_decay=0.1)), PENALISED, output="sigmoid"
    ),
    "momentum, clip_norm": problem(of(optimizer=SgdSpec(momentum=0.9), clip_norm=0.05)),
    "Nesterov, clip_value, schedule, no shuffling": problem(
        of(
            optimizer=SgdSpec(momentum=0.9, nesterov=True),
            clip_value=0.01,
            schedule=OneCycleSchedule(),
            shuffle=False,
        )
    ),
    "Adam, schedule with warm-up": problem(
        of(optimizer=AdamSpec(beta1=0.8), schedule=OneCycleSchedule(warmup_steps=7))
    ),
    "odd widths, skip": problem(of(loss=MseSpec()), ODD, skip=True),
    "narrow and wide": problem(SPEC, WIDE),
    "wide alone": problem(of(loss=BinaryCrossEntropySpec()), WIDE[1:2]),
    "one batch": problem(of(batch_size=1000)),
}


@pytest.mark.parametrize("precision", sorted(GATES))
@pytest.mark.parametrize("kernels", [COMPILED, CHUNKED], ids=lambda kernels: kernels.name)
@pytest.mark.parametrize("case", CASES)
def test_fifty_steps_equal_the_reference(case: str, kernels: Kernels, precision: str) -> None:
    """Relative to the largest parameter and the largest loss: 1e-5 in float32, 1e-12 in float64."""
    network, spec, _ = CASES[case]
    assert covers(network, spec)
    expected, losses = trained(in_precision(CASES[case], "float64"), PLAIN)
    found, found_losses = trained(in_precision(CASES[case], precision), kernels)
    gate = GATES[precision]
    for ours, theirs in ((found.parameters, expected.parameters), (found_losses, losses)):
        np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=gate * np.abs(theirs).max())


def hurried() -> Callable[[], float]:
    """A clock on which every look at it takes so long that a chunk is one step."""
    times = iter(range(1_000_000))
    return lambda: float(next(times))


@pytest.mark.parametrize("case", ["dropout", "skip, weights, smoothing", "momentum, clip_norm"])
def test_the_bits_do_not_depend_on_where_a_chunk_is_cut(case: str) -> None:
    whole, losses = trained(CASES[case], CHUNKED)
    stepwise, found = trained(CASES[case], CHUNKED, hurried())
    assert found == losses
    assert stepwise.parameters.tobytes() == whole.parameters.tobytes()
    assert all(
        stepwise.slots[name].tobytes() == whole.slots[name].tobytes() for name in whole.slots
    )


@pytest.mark.parametrize("case", ["dropout", "momentum, clip_norm", "one batch"])
@pytest.mark.parametrize("yields", [1, 3, 8])
def test_a_copy_taken_at_a_yield_goes_on_to_the_same_bits(case: str, yields: int) -> None:
    network, spec, data = CASES[case]
    whole, _ = trained(CASES[case], CHUNKED)
    state = TrainingState.initial(network, spec, 7)
    run = train(network, state, data, spec, 7, kernels=CHUNKED, clock=hurried())
    for _ in range(yields):
        next(run)
    # A stored state names its vectors, in no order.
    arrays = dict(reversed(state.arrays().items()))
    copy = TrainingState.from_parts(arrays, state.scalars())
    for _ in train(network, copy, data, spec, 7, kernels=CHUNKED):
        pass
    assert copy.parameters.tobytes() == whole.parameters.tobytes()


def test_a_call_ends_where_its_coefficients_do() -> None:
    """More steps per epoch than are computed together, so that a call spans none of the seams."""
    rows = 2 * chunked._BLOCK + 11
    network, _, _ = CASES["no hidden layer"]
    rng = np.random.default_rng(2)
    data = TrainingData(rng.normal(size=(rows, INPUTS)), rng.normal(size=(rows, OUTPUTS)))
    spec = of(loss=MseSpec(), batch_size=1, epochs=1, schedule=OneCycleSchedule())
    found, losses = trained((network, spec, data), CHUNKED)
    expected, theirs = trained((network, spec, data), PLAIN)
    np.testing.assert_allclose(losses, theirs, rtol=1e-5)
    np.testing.assert_allclose(found.parameters, expected.parameters, atol=1e-4)


def test_a_run_that_diverges_ends_at_the_step_that_the_reference_names() -> None:
    given = problem(of(loss=MseSpec(), optimizer=SgdSpec(learning_rate=10.0), epochs=1_000))
    found, _ = trained(given, CHUNKED)
    expected, _ = trained(given, PLAIN)
    assert found.stop_reason == expected.stop_reason == "diverged"
    assert found.divergence is not None
    assert expected.divergence is not None
    assert found.divergence.epoch == expected.divergence.epoch
    assert found.divergence.tensor == expected.divergence.tensor
    assert np.isfinite(found.parameters).all()


def test_one_bad_row_ends_the_run_at_its_own_step() -> None:
    network, spec, data = CASES["momentum, clip_norm"]
    X = data.X.copy()
    X[40] = np.nan
    given = (network, replace(spec, shuffle=False), replace(data, X=X))
    found, _ = trained(given, CHUNKED)
    assert found.divergence is not None
    assert (found.divergence.epoch, found.divergence.step) == (1, 40 // spec.batch_size + 1)


def test_a_table_that_may_only_be_read_trains(tmp_path: Path) -> None:
    network, spec, data = in_precision(CASES["dropout"], "float64")
    np.save(tmp_path / "X.npy", data.X)
    mapped = replace(data, X=np.load(tmp_path / "X.npy", mmap_mode="r"))
    found, _ = trained((network, spec, mapped), CHUNKED)
    expected, _ = trained((network, spec, data), CHUNKED)
    assert found.parameters.tobytes() == expected.parameters.tobytes()


@pytest.mark.parametrize(
    ("layers", "fields"),
    [
        ((BatchNormSpec(),), {}),
        ((LayerNormSpec(),), {}),
        ((ScaleSpec(),), {}),
        ((DenseSpec(units=5), ResidualSpec(span=1)), {}),
        ((DenseSpec(units=5, activation="prelu"),), {}),
        ((DenseSpec(units=5, max_norm=1.0),), {}),
        ((DropoutSpec(rate=0.1), DropoutSpec(rate=0.1)), {}),
        ((), {"loss": HuberSpec()}),
        ((), {"optimizer": NadamSpec()}),
        ((), {"accumulate": 2}),
        ((), {"ema_decay": 0.9}),
    ],
    ids=str,
)
def test_what_a_chunk_does_not_cover_trains_step_by_step(
    layers: tuple[Any, ...], fields: dict[str, Any]
) -> None:
    output = "identity" if "loss" in fields else None
    given = problem(of(**fields), layers, output=output)
    assert not covers(given[0], given[1])
    found, _ = trained(given, CHUNKED)
    expected, _ = trained(given, COMPILED)
    assert found.parameters.tobytes() == expected.parameters.tobytes()
