"""Whole trainings: every feature of a network and of a training, one by one and all at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.parity import catalogue
from tests.parity.case import Case, in_single_precision
from tests.parity.cases.functions import label
from tests.parity.cases.gradients import EMBEDDINGS, networks
from tests.parity.cases.optimizers import LBFGS, OPTIMIZERS
from tests.parity.draws import Draws
from tests.parity.problems import Problem
from tests.parity.specs import to_plain
from workers.engine.spec import (
    AdamSpec,
    AdamWSpec,
    BatchNormSpec,
    BinaryCrossEntropySpec,
    ConstantSchedule,
    DenseSpec,
    DropoutSpec,
    FocalSpec,
    HuberSpec,
    LayerNormSpec,
    Loss,
    MaeSpec,
    MseSpec,
    NetworkSpec,
    OneCycleSchedule,
    OutputSpec,
    PoissonSpec,
    QuantileSpec,
    ReduceOnPlateauSchedule,
    ResidualSpec,
    SoftmaxCrossEntropySpec,
    StepSchedule,
    TrainingSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS, BATCH = 70, 16
"""Five batches in an epoch, the last of 6 rows: 20 epochs are 100 steps."""

ADAM = AdamSpec(learning_rate=0.01)
PLAIN_NETWORK = NetworkSpec(
    layers=(DenseSpec(units=5, activation="tanh"), DenseSpec(units=4, activation="silu"))
)
BASE = TrainingSpec(
    epochs=20,
    batch_size=BATCH,
    loss=MseSpec(),
    optimizer=ADAM,
    shuffle=False,
    precision="float64",
)
HEADS: tuple[tuple[Loss, str], ...] = (
    (MseSpec(), "identity"),
    (MseSpec(), "sigmoid"),
    (MaeSpec(), "identity"),
    (HuberSpec(delta=0.5), "identity"),
    (QuantileSpec(quantile=0.8), "softplus"),
    (PoissonSpec(), "exponential"),
    (BinaryCrossEntropySpec(), "sigmoid"),
    (BinaryCrossEntropySpec(label_smoothing=0.1), "sigmoid"),
    (SoftmaxCrossEntropySpec(), "softmax"),
    (SoftmaxCrossEntropySpec(label_smoothing=0.1), "softmax"),
    (FocalSpec(), "sigmoid"),
    (FocalSpec(gamma=1.0), "softmax"),
)


@dataclass(frozen=True)
class Training:
    """A network on its rows, and how it is trained."""

    name: str
    problem: Problem
    spec: TrainingSpec


def trainings() -> Iterator[Training]:
    """The table of all trainings but those by L-BFGS."""
    for loss, output in HEADS:
        problem = _problem(PLAIN_NETWORK, loss=loss, activation=output)
        yield Training(f"{label(loss)} {output}", problem, replace(BASE, loss=loss))
    for optimizer in OPTIMIZERS:
        spec = replace(BASE, optimizer=optimizer)
        yield Training(label(optimizer), _problem(PLAIN_NETWORK), spec)
    for activation in catalogue.ACTIVATIONS:
        yield Training(activation, _problem(networks(activation)["dense"]), BASE)
    for kind, network in networks("gelu").items():
        yield Training(kind, _problem(network), BASE)
    for loss, output in HEADS:
        problem = _problem(networks("silu")["members"], loss=loss, activation=output)
        validated = replace(problem, weighted=True, validation=20)
        yield Training(f"members {label(loss)} {output}", validated, replace(BASE, loss=loss))
    yield from _features()
    yield _everything()


def cases(seed: int) -> Iterator[Case]:
    """Each in float64 over 100 steps and in float32 over 50, and L-BFGS.

    What has a jump is left out in float32: the two sides would not jump at one step.
    """
    for number, training in enumerate(trainings()):
        case = case_of(seed, training, "training")
        yield case
        if not has_jump(case.options):
            yield _single(case, stored=number % 8 == 0)
    for optimizer in LBFGS:
        for loss, output in (HEADS[0], HEADS[6], HEADS[8]):
            yield from _lbfgs(seed, replace(BASE, loss=loss, optimizer=optimizer), output)


def has_jump(options: dict[str, Any]) -> bool:
    """Whether the gradient jumps: at y = t for two losses, and at W = 0 for an L1 penalty."""
    network = options["network"]
    dense = [*network["layers"], network["output"] or {}]
    return options["loss"]["type"] in {"mae", "quantile"} or any(d.get("l1") for d in dense)


def _features() -> Iterator[Training]:
    weighted = _problem(PLAIN_NETWORK, weighted=True)
    validated = replace(weighted, validation=20)
    normed = _problem(networks("tanh")["batch_norm"])
    for name, problem, changes in (
        ("row weights", weighted, {}),
        ("validation", validated, {}),
        ("clip_value", weighted, {"clip_value": 0.05}),
        ("clip_norm", weighted, {"clip_norm": 0.1}),
        ("both clips", weighted, {"clip_norm": 0.1, "clip_value": 0.03}),
        ("accumulation", weighted, {"accumulate": 3, "epochs": 40}),
        ("accumulation, clipped", weighted, {"accumulate": 2, "epochs": 40, "clip_norm": 0.1}),
        ("ema", validated, {"ema_decay": 0.9}),
        ("one cycle after a warm-up", weighted, {"schedule": OneCycleSchedule(warmup_steps=10)}),
        ("warm-up", weighted, {"schedule": ConstantSchedule(warmup_steps=10)}),
        ("steps of epochs", weighted, {"schedule": StepSchedule(every=5, factor=0.3)}),
        (
            "reduce on plateau",
            validated,
            {"schedule": ReduceOnPlateauSchedule(patience=1, threshold=0.1, factor=0.5)},
        ),
        ("one batch of all rows", weighted, {"batch_size": ROWS, "epochs": 100}),
        ("a tail of one row", weighted, {"batch_size": 23, "epochs": 25}),
        ("batch_norm, a tail of one row", normed, {"batch_size": 23, "epochs": 25}),
    ):
        yield Training(name, problem, replace(BASE, **changes))
    for name, changes in (
        ("l1", {"l1": 0.01}),
        ("l2", {"l2": 0.1}),
        ("l1 and l2", {"l1": 0.01, "l2": 0.1}),
        ("max_norm", {"max_norm": 0.7}),
    ):
        yield Training(name, _problem(_penalised(changes)), BASE)
        spec = replace(BASE, clip_norm=0.1, optimizer=AdamWSpec(learning_rate=0.01))
        yield Training(f"{name}, clipped AdamW", _problem(_penalised(changes)), spec)
        members = replace(_penalised(changes), members=3)
        yield Training(f"{name}, members", _problem(members), spec)


def _everything() -> Training:
    dense = DenseSpec(units=5, activation="silu", l2=1e-2, max_norm=2.0)
    network = NetworkSpec(
        layers=(
            DenseSpec(units=5, activation="prelu", l2=1e-2, bias=False),
            BatchNormSpec(),
            dense,
            DropoutSpec(rate=0.2),
            ResidualSpec(span=2),
            LayerNormSpec(),
            dense,
        ),
        output=OutputSpec(l2=1e-2),
        skip=True,
        embeddings=EMBEDDINGS,
    )
    spec = replace(
        BASE,
        epochs=40,
        loss=SoftmaxCrossEntropySpec(label_smoothing=0.05),
        optimizer=AdamWSpec(learning_rate=0.02, beta2=0.95),
        schedule=OneCycleSchedule(warmup_steps=3),
        clip_norm=0.5,
        clip_value=0.4,
        accumulate=2,
        ema_decay=0.95,
    )
    problem = _problem(network, loss=spec.loss, activation="softmax", weighted=True, validation=20)
    return Training("everything at once", problem, spec)


def _penalised(changes: dict[str, float]) -> NetworkSpec:
    layers = tuple(
        DenseSpec(units=units, activation="tanh", **changes)  # type: ignore[arg-type]
        for units in (5, 4)
    )
    return NetworkSpec(layers=layers, output=OutputSpec(**changes))  # type: ignore[arg-type]


def _problem(network: NetworkSpec, **changes: object) -> Problem:
    return replace(Problem(network, rows=ROWS), **changes)  # type: ignore[arg-type]


def case_of(seed: int, training: Training, kind: str) -> Case:
    """The case of a training, its numbers drawn."""
    name = f"{kind} {training.name}"
    draws = Draws(seed, name)
    problem = training.problem if seed == 0 else training.problem.with_widths(draws)
    options = problem.options() | {"training": to_plain(training.spec), "seed": 2**40 + seed}
    return Case(name, kind, options, problem.inputs(draws), stored=True)


def _single(case: Case, *, stored: bool) -> Case:
    training = dict(case.options["training"])
    training |= {"precision": "float32", "epochs": training["epochs"] // 2}
    return Case(
        f"{case.name} float32",
        "training_float32",
        case.options | {"training": training},
        in_single_precision(case.inputs),
        stored,
    )


def _lbfgs(seed: int, spec: TrainingSpec, output: str) -> Iterator[Case]:
    """The first 20 steps of a network; and the one minimum that a linear model has, penalised."""
    name = f"{label(spec.loss)} {label(spec.optimizer)}"
    spec = replace(spec, batch_size=ROWS)
    problem = _problem(PLAIN_NETWORK, loss=spec.loss, activation=output, weighted=True)
    yield case_of(seed, Training(name, problem, replace(spec, epochs=20)), "lbfgs")
    linear = replace(problem, network=NetworkSpec(output=OutputSpec(l2=0.1)))
    yield case_of(seed, Training(name, linear, replace(spec, epochs=60)), "lbfgs_minimum")
