"""A member of a stack is its own run, to the last bit."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from workers.engine.kernels.chunk import CHUNKED
from workers.engine.kernels.compiled import COMPILED
from workers.engine.kernels.plain import PLAIN
from workers.engine.network import Category, Network
from workers.engine.problem import Problem, TrainingData
from workers.engine.spec import (
    AdadeltaSpec,
    AdagradSpec,
    AdamaxSpec,
    AdamSpec,
    AdamWSpec,
    BatchNormSpec,
    CosineSchedule,
    DenseSpec,
    DropoutSpec,
    EarlyStoppingSpec,
    EmbeddingSpec,
    LayerNormSpec,
    LbfgsSpec,
    NadamSpec,
    NetworkSpec,
    OneCycleSchedule,
    OutputSpec,
    ReduceOnPlateauSchedule,
    ResidualSpec,
    RmspropSpec,
    ScaleSpec,
    SgdSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)
from workers.engine.stacked import StackError, train_stacked
from workers.engine.state import TrainingState
from workers.engine.training import train

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.engine.kernels.contract import Kernels
    from workers.engine.spec import Layer, Optimizer

KERNELS = pytest.mark.parametrize("kernels", [PLAIN, COMPILED, CHUNKED], ids=lambda k: k.name)

N_ROWS, N_VALIDATION, N_INPUTS, N_CLASSES = 107, 31, 5, 3
PLAIN_LAYERS: tuple[Layer, ...] = (
    DenseSpec(units=7, activation="silu"),
    DropoutSpec(rate=0.2),
    DenseSpec(units=4, activation="relu", l2=0.01),
)
ALL_LAYERS: tuple[Layer, ...] = (
    DenseSpec(units=6, activation="prelu", l1=0.001, max_norm=1.5),
    BatchNormSpec(),
    DropoutSpec(rate=0.3),
    DenseSpec(units=6, activation="gelu"),
    ResidualSpec(span=2),
    LayerNormSpec(),
    ScaleSpec(factor=3.0),
)
OPTIMIZERS: tuple[Optimizer, ...] = (
    SgdSpec(),
    SgdSpec(momentum=0.9),
    SgdSpec(momentum=0.9, nesterov=True),
    AdamSpec(),
    AdamWSpec(),
    RmspropSpec(momentum=0.5, centered=True),
    AdagradSpec(),
    AdadeltaSpec(),
    AdamaxSpec(),
    NadamSpec(),
)


def data(dtype: type = np.float32, *, weighted: bool = False, seed: int = 5) -> TrainingData:
    """Three overlapping clouds; the last column holds codes of four levels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, N_CLASSES, N_ROWS + N_VALIDATION)
    X = rng.normal(size=(len(y), N_INPUTS)) + 1.5 * np.eye(N_CLASSES, N_INPUTS)[y]
    X[:, -1] = rng.integers(0, 4, len(y))
    X = X.astype(dtype)
    weights: Any = rng.uniform(0.5, 2.0, N_ROWS).astype(dtype) if weighted else None
    return TrainingData(X[:N_ROWS], y[:N_ROWS], X[N_ROWS:], y[N_ROWS:], weights=weights)


def network(layers: tuple[Layer, ...], rate: float, *, embeds: bool = False) -> Network:
    """The layers with this rate in every dropout."""
    layers = tuple(replace(e, rate=rate) if isinstance(e, DropoutSpec) else e for e in layers)
    embeddings = (EmbeddingSpec(column="level", dimension=2),) if embeds else ()
    spec = NetworkSpec(layers=layers, skip=True, embeddings=embeddings, output=OutputSpec(l2=0.02))
    return Network(
        spec,
        n_inputs=N_INPUTS,
        n_outputs=N_CLASSES,
        output_activation="softmax",
        categories={"level": Category(N_INPUTS - 1, 4)} if embeds else None,
    )


def training(member: int, optimizer: Optimizer, **changes: Any) -> TrainingSpec:
    """Rate, schedule, epochs and early stopping of the member's own."""
    schedules = [None, CosineSchedule(warmup_steps=3), OneCycleSchedule()]
    own: dict[str, Any] = {"learning_rate": optimizer.learning_rate * (1.0 + member)}
    if isinstance(optimizer, AdamWSpec):
        own["weight_decay"] = 0.01 * member
    fields: dict[str, Any] = {
        "epochs": 3 + member,
        "batch_size": 16,
        "loss": SoftmaxCrossEntropySpec(label_smoothing=0.05),
        "optimizer": replace(optimizer, **own),
        "schedule": schedules[member % 3],
        "early_stopping": EarlyStoppingSpec(patience=2, min_delta=0.01) if member == 1 else None,
    }
    return TrainingSpec(**(fields | changes))


def fresh(problems: Sequence[Problem]) -> list[TrainingState]:
    return [TrainingState.initial(one.network, one.spec, one.seed) for one in problems]


def train_alone(problem: Problem, state: TrainingState) -> list[Any]:
    """The reports of the run, as plain numbers."""
    runs = train(
        problem.network, state, problem.data, problem.spec, problem.seed, kernels=problem.kernels
    )
    return [figures(progress.report) for progress in runs if progress.report is not None]


def figures(report: Any) -> tuple[Any, ...]:
    return (report.epoch, report.train_loss, report.val_loss, report.learning_rate)


def assert_same(stacked: TrainingState, alone: TrainingState) -> None:
    assert stacked.scalars() == alone.scalars()
    ours, theirs = stacked.arrays(), alone.arrays()
    assert {name: array.tobytes() for name, array in ours.items()} == {
        name: array.tobytes() for name, array in theirs.items()
    }


def assert_members_are_their_own_runs(problems: Sequence[Problem]) -> None:
    states = fresh(problems)
    reports: list[list[Any]] = [[] for _ in problems]
    for progress in train_stacked(problems, states):
        for member, report in progress.reports.items():
            reports[member].append(figures(report))
    for problem, state, of_member in zip(problems, states, reports, strict=True):
        alone = TrainingState.initial(problem.network, problem.spec, problem.seed)
        assert train_alone(problem, alone) == of_member
        assert_same(state, alone)


@KERNELS
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: f"{o.type}")
def test_every_optimizer_moves_each_member_as_alone(
    kernels: Kernels, optimizer: Optimizer, precision: str
) -> None:
    rows = data(np.dtype(precision).type)
    problems = [
        Problem(
            network(PLAIN_LAYERS, 0.1 * member),
            rows,
            training(member, optimizer, precision=precision, clip_norm=1.0),
            100 + member,
            kernels,
        )
        for member in range(4)
    ]
    assert_members_are_their_own_runs(problems)


@KERNELS
def test_every_kind_of_layer_and_option_keeps_members_apart(kernels: Kernels) -> None:
    changes: dict[str, Any] = {
        "accumulate": 2,
        "ema_decay": 0.9,
        "clip_value": 0.5,
        "schedule": ReduceOnPlateauSchedule(patience=1, factor=0.5, threshold=0.1),
    }
    rows = data(weighted=True)
    problems = [
        Problem(
            network(ALL_LAYERS, 0.1 + 0.1 * member, embeds=True),
            rows,
            training(member, AdamSpec(learning_rate=0.01), **changes),
            member,
            kernels,
        )
        for member in range(3)
    ]
    assert_members_are_their_own_runs(problems)


@KERNELS
@pytest.mark.parametrize("shuffle", [True, False], ids=["shuffled", "in order"])
@pytest.mark.parametrize("layers", [PLAIN_LAYERS, ALL_LAYERS], ids=["plain", "all"])
def test_members_may_have_rows_of_their_own(
    kernels: Kernels, layers: tuple[Layer, ...], *, shuffle: bool
) -> None:
    first, second = (data(weighted=True, seed=seed) for seed in (5, 6))
    # Another number of rows judges the epochs: folds differ in it by one.
    second = replace(
        second,
        X_validation=np.asarray(second.X_validation)[1:],
        y_validation=np.asarray(second.y_validation)[1:],
    )
    problems = [
        Problem(
            network(layers, 0.1 * member),
            rows,
            training(member, AdamWSpec(), shuffle=shuffle),
            member,
            kernels,
        )
        for member, rows in enumerate([first, first, second, first, second])
    ]
    assert_members_are_their_own_runs(problems)


@KERNELS
def test_a_member_with_rows_of_its_own_diverges_on_them(kernels: Kernels) -> None:
    calm, wild = data(), data(seed=6)
    X = wild.X.copy()
    X[50, 2] = np.inf
    problems = [
        Problem(network(PLAIN_LAYERS, 0.0), rows, training(0, AdamSpec()), member, kernels)
        for member, rows in enumerate([calm, replace(wild, X=X), calm])
    ]
    states = fresh(problems)
    for _ in train_stacked(problems, states):
        pass
    for problem, state in zip(problems, states, strict=True):
        alone = TrainingState.initial(problem.network, problem.spec, problem.seed)
        train_alone(problem, alone)
        assert_same(state, alone)
    assert [state.stop_reason for state in states] == ["max_epochs", "diverged", "max_epochs"]


@KERNELS
def test_a_member_that_diverges_leaves_the_others_as_they_are(kernels: Kernels) -> None:
    rows = data()
    problems = [
        Problem(
            network(PLAIN_LAYERS, 0.0),
            rows,
            training(0, SgdSpec(learning_rate=rate), epochs=4),
            member,
            kernels,
        )
        for member, rate in enumerate([0.01, 10.0, 0.02])
    ]
    # The weights' square times the rate is far above 2: no step brings them back.
    wild = replace(problems[1], network=network((DenseSpec(units=4, l2=900.0),), 0.0))
    problems = [replace(one, network=wild.network) for one in problems]
    states = fresh(problems)
    for _ in train_stacked(problems, states):
        pass
    for problem, state in zip(problems, states, strict=True):
        alone = TrainingState.initial(problem.network, problem.spec, problem.seed)
        train_alone(problem, alone)
        assert_same(state, alone)
    assert states[1].stop_reason == "diverged"


@KERNELS
def test_members_cut_at_any_yield_go_on_alone_and_together(kernels: Kernels) -> None:
    rows = data()
    problems = [
        Problem(network(PLAIN_LAYERS, 0.2), rows, training(member, AdamSpec()), member, kernels)
        for member in range(3)
    ]
    undisturbed = fresh(problems)
    ticks = iter(range(10**6))
    copies = []
    for _ in train_stacked(problems, undisturbed, clock=lambda: float(next(ticks))):
        copies.append(deepcopy([(s.arrays(), s.scalars()) for s in undisturbed]))
    assert len(copies) > len(problems) * N_ROWS // 16, "every step yields at this clock"
    for parts in copies[:: len(copies) // 6]:
        together = [TrainingState.from_parts(*part) for part in parts]
        for _ in train_stacked(problems, together):
            pass
        for problem, state, part, expected in zip(
            problems, together, parts, undisturbed, strict=True
        ):
            alone = TrainingState.from_parts(*part)
            train_alone(problem, alone)
            assert_same(state, expected)
            assert_same(alone, expected)


def test_a_member_of_another_shape_is_named() -> None:
    rows = data()
    first = Problem(network(PLAIN_LAYERS, 0.1), rows, training(0, AdamSpec()), 0, PLAIN)
    others = {
        "network": replace(first, network=network(ALL_LAYERS, 0.1)),
        "data": replace(first, data=replace(rows, X=rows.X[1:], y=rows.y[1:])),
        "data ": replace(first, data=data(weighted=True)),
        "batch_size": replace(first, spec=replace(first.spec, batch_size=8)),
        "optimizer": replace(first, spec=training(0, AdamSpec(beta1=0.8))),
        "kernels": replace(first, kernels=COMPILED),
    }
    for difference, other in others.items():
        expected = f"member 1 differs from member 0 in {difference.strip()}$"
        with pytest.raises(StackError, match=expected):
            next(train_stacked([first, other], fresh([first, other])))


def test_states_at_different_steps_cannot_be_stacked() -> None:
    one = Problem(network(PLAIN_LAYERS, 0.1), data(), training(0, AdamSpec()), 0, PLAIN)
    ahead, behind = fresh([one, one])
    next(train(one.network, ahead, one.data, one.spec, 0))
    with pytest.raises(ValueError, match="do not stand at one step"):
        next(train_stacked([one, one], [ahead, behind]))


def test_lbfgs_cannot_be_stacked() -> None:
    spec = training(0, LbfgsSpec(), batch_size=N_ROWS)
    one = Problem(network((), 0.0), data(), spec, 0, PLAIN)
    with pytest.raises(ValueError, match="L-BFGS"):
        next(train_stacked([one, one], fresh([one, one])))
