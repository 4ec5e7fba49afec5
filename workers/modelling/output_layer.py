"""The output layer with its loss: which pairs a task allows, and which it takes by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from workers.engine.spec import (
    SELU_ALPHA,
    SELU_SCALE,
    BinaryCrossEntropySpec,
    FocalSpec,
    HuberSpec,
    Loss,
    MaeSpec,
    MseSpec,
    NetworkSpec,
    OutputActivation,
    PointwiseActivation,
    PoissonSpec,
    QuantileSpec,
    SoftmaxCrossEntropySpec,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.modelling.findings import Findings
    from workers.modelling.plan import Method, ModelWish, Task
    from workers.modelling.target_task import Target
    from workers.tabular.profile import ColumnProfile


@dataclass(frozen=True)
class Output:
    """An output activation with a loss that goes with it."""

    activation: OutputActivation
    loss: Loss


_POINTWISE: tuple[PointwiseActivation, ...] = get_args(PointwiseActivation)
_OF_NUMBERS: tuple[Loss, ...] = (MseSpec(), MaeSpec(), HuberSpec(), QuantileSpec())

PAIRS: Mapping[Task, tuple[Output, ...]] = {
    "regression": (
        *(Output(activation, loss) for loss in _OF_NUMBERS for activation in _POINTWISE),
        Output("exponential", PoissonSpec()),
    ),
    "binary": (
        Output("sigmoid", BinaryCrossEntropySpec()),
        Output("softmax", SoftmaxCrossEntropySpec()),
        Output("sigmoid", FocalSpec()),
        Output("softmax", FocalSpec()),
        Output("sigmoid", MseSpec()),
    ),
    "multiclass": (
        Output("softmax", SoftmaxCrossEntropySpec()),
        Output("softmax", FocalSpec()),
    ),
}
"""What a task can be trained with; the first that agrees with what the user set is taken.

A loss is compared by its type: its parameters are the user's to choose.
"""

_INFINITY = float("inf")
_RANGES: Mapping[OutputActivation, tuple[float, float]] = {
    "sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, _INFINITY),
    "elu": (-1.0, _INFINITY),
    "selu": (-SELU_ALPHA * SELU_SCALE, _INFINITY),
    "gelu": (-0.17, _INFINITY),
    "silu": (-0.279, _INFINITY),
    "mish": (-0.309, _INFINITY),
    "softplus": (0.0, _INFINITY),
}
"""What an output can say; one that is not here can say every number."""


def resolve_output(wish: ModelWish, target: Target, method: Method, findings: Findings) -> Output:
    """The pair for a wish; where its parts do not fit the task, the task's own and a problem."""
    activation, loss = _wished(wish)
    pairs = PAIRS[target.task]
    by_loss, fitting = _agreeing(pairs, activation, loss)
    if fitting:
        found = Output(fitting[0].activation, loss or fitting[0].loss)
        _check_values(found, target, method, findings)
        return found
    _note_mismatch(f"A {target.task} target", pairs, by_loss, findings)
    return pairs[0]


def tasks_for(wish: ModelWish, tasks: Sequence[Task], findings: Findings) -> tuple[Task, ...]:
    """Which of these tasks the wished output and loss can learn; none of them is a problem."""
    activation, loss = _wished(wish)
    found = tuple(task for task in tasks if _agreeing(PAIRS[task], activation, loss)[1])
    if not found:
        pairs = [pair for task in tasks for pair in PAIRS[task]]
        by_loss, _ = _agreeing(pairs, None, loss)
        _note_mismatch("A target", pairs, by_loss, findings)
    return found


def _agreeing(
    pairs: Sequence[Output], activation: OutputActivation | None, loss: Loss | None
) -> tuple[list[Output], list[Output]]:
    """The pairs with the wished loss, and those of them with the wished activation too."""
    by_loss = [pair for pair in pairs if loss is None or pair.loss.type == loss.type]
    fitting = [pair for pair in by_loss if activation is None or pair.activation == activation]
    return by_loss, fitting


def _note_mismatch(
    what: str, pairs: Sequence[Output], by_loss: Sequence[Output], findings: Findings
) -> None:
    if by_loss:
        pointer = "/network/output/activation"
        names = ", ".join(dict.fromkeys(pair.activation for pair in by_loss))
    else:
        pointer = "/training/loss"
        names = ", ".join(dict.fromkeys(pair.loss.type for pair in pairs))
    detail = f"{what} with these settings goes with: {names}."
    findings.problem(pointer, "spec_dataset_mismatch", detail, names)


def _wished(wish: ModelWish) -> tuple[OutputActivation | None, Loss | None]:
    output = wish.network.output if isinstance(wish.network, NetworkSpec) else None
    return output.activation if output else None, wish.training.get("loss")


def _check_values(output: Output, target: Target, method: Method, findings: Findings) -> None:
    """Compare the target's numbers with what loss and output can make of them."""
    if target.task != "regression":
        _warn_of_smoothing(output.loss, findings)
        return
    for column in target.columns:
        if output.loss.type != "poisson":
            _warn_of_range(output.activation, column, method, findings)
        elif column.min is not None and column.min < 0.0:
            detail = f"Poisson's loss is for counts, 0 or more; the least of {column.name} is less."
            findings.problem("/training/loss", "spec_dataset_mismatch", detail, 0)


def _warn_of_smoothing(loss: Loss, findings: Findings) -> None:
    if getattr(loss, "label_smoothing", 0.0) > 0.0:
        detail = "With label smoothing the probabilities are less certain than the data are."
        findings.warn("label_smoothing", None, detail)


def _warn_of_range(
    activation: OutputActivation, column: ColumnProfile, method: Method, findings: Findings
) -> None:
    if activation not in _RANGES or column.min is None or column.max is None:
        return
    lowest, highest = column.min, column.max
    if method != "none" and column.mean is not None and column.std:
        lowest, highest = ((x - column.mean) / column.std for x in (lowest, highest))
    least, most = _RANGES[activation]
    if lowest < least or highest > most:
        scale = "standardised " if method != "none" else ""
        detail = f"The {scale}target goes beyond what a {activation} output can reach."
        findings.warn("output_range", column.name, detail)
