"""The linear baseline: what the same rows teach a model without hidden layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.forward import outputs
from workers.engine.network import Network
from workers.engine.spec import (
    BinaryCrossEntropySpec,
    LbfgsSpec,
    MseSpec,
    NetworkSpec,
    OutputSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)
from workers.engine.tensors import Array
from workers.engine.training import TrainingData, TrainingState, train
from workers.modelling.plan import build_network
from workers.modelling.reporting.answers import Answers
from workers.modelling.reporting.sampling import spread_rows, taken
from workers.modelling.reporting.work import LINEAR_SHARE, allowance
from workers.modelling.targets import NumberTarget, TargetEncoding
from workers.tabular.encoders import LevelEncoder, NumericEncoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from workers.engine.spec import Loss
    from workers.modelling.estimator import HeldOut, Prepared
    from workers.tabular.preprocessing import Preprocessing

PENALTY = 1.0
"""Of the sum of squared weights beside the sum of squared errors, or half of it beside the sum of
log-losses: with what scikit-learn's Ridge and LogisticRegression begin."""

MAX_EPOCHS = 60
MAX_LEVELS = 100
LEAST_ROWS = 200

# Of a mean in float32: what varies less is noise of its rounding.
_LEAST_SPREAD = 1e-7
_STEADY_EPOCHS = 2
_STEADY = 3e-5
# Where float32 cannot tell points apart, a longer search finds nothing either.
_EVALUATIONS = 8
# Twenty times the inputs are read, in products so thin that they take a multiple of their
# operations: for a number of the inputs, the time of so many operations of a training.
_OPERATIONS_PER_NUMBER = 4_000
# An output costs what eight inputs do, because of its exponentials.
_NUMBERS_PER_OUTPUT = 8
_BOUNDS = (2e9, 1.6e10)

OVERFLOWED = "Its fit left the finite numbers."


@dataclass(frozen=True)
class LinearModel:
    """A fit on `rows` training rows, in the model's own standardisation of the inputs."""

    network: Network
    parameters: Array
    inputs: LinearInputs
    target: TargetEncoding
    rows: int

    def answers(self, held_out: HeldOut) -> Answers:
        """What it says of rows that did not train it."""
        said = outputs(self.network, self.parameters, self.inputs.of(held_out.X))
        return Answers.of(self.target, held_out.truth, said)


class LinearInputs:
    """Inputs of a network as those of a linear model: one of a number, which is standardised.

    Bins, parts and differences beside a number are left out, levels are one-hot: 0 and 1 as they
    are, so that the penalty holds rare ones back. An input that does not vary is 0. A column of
    levels keeps the 100 most frequent.
    """

    def __init__(self, X: Array, preprocessing: Preprocessing) -> None:
        levels = preprocessing.levels.values()
        self._plain = plain_inputs(preprocessing)
        self._levels = [(at.index, _frequent(X[:, at.index])) for at in levels]
        self._is_whole = len(self._plain) == X.shape[1]
        expanded = self._expanded(X)
        self._center = expanded.mean(axis=0, dtype=np.float64)
        scale = expanded.std(axis=0, dtype=np.float64)
        is_number = np.zeros(len(scale), np.bool_)
        is_number[: len(self._plain)] = [number for _, number in _plain_inputs(preprocessing)]
        varies = np.isfinite(scale) & (scale > _LEAST_SPREAD * np.abs(self._center))
        self._center = np.where(varies, self._center, 0.0).astype(X.dtype)
        scale = np.where(varies & is_number, scale, 1.0)
        self._weight = np.where(varies, 1.0 / scale, 0.0).astype(X.dtype)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._center)

    def of(self, X: Array) -> Array:
        """The inputs (N, I) of a linear model for those (N, J) of a network."""
        inputs = self._expanded(X)
        if inputs is X:
            inputs = X - self._center
        else:
            inputs -= self._center
        inputs *= self._weight
        return inputs

    def _expanded(self, X: Array) -> Array:
        if self._is_whole:
            return X
        one_hot = [X[:, [index]] == kept for index, kept in self._levels]
        return np.hstack([X[:, self._plain], *one_hot]).astype(X.dtype)


def plain_inputs(preprocessing: Preprocessing) -> NDArray[np.intp]:
    """Which of a network's inputs are scaled numbers, indicators and one-hot levels."""
    return np.array([place for place, _ in _plain_inputs(preprocessing)], np.intp)


def _plain_inputs(preprocessing: Preprocessing) -> Iterator[tuple[int, bool]]:
    """Each of them, and whether it is a number."""
    start = 0
    for encoder in preprocessing.encoders:
        n_outputs = len(encoder.outputs)
        n_plain, n_numbers = n_outputs, 0
        if isinstance(encoder, LevelEncoder):
            n_plain = 0
        elif isinstance(encoder, NumericEncoder):
            n_plain, n_numbers = 1 + encoder.indicator, 1
        for place in range(n_plain):
            yield start + place, place < n_numbers
        start += n_outputs


def fit_linear(prepared: Prepared, epochs: int) -> LinearModel | str:
    """The model, or why there is none. Nothing but its inputs is random or timed.

    The squared error or the log-loss of all training rows, or of as many at even distances as the
    allowance suffices for, is minimised with a penalty on the weights by L-BFGS. Rows count alike.
    """
    data, truth = prepared.data, prepared.training_truth
    rows = spread_rows(len(truth), _n_rows(prepared, epochs))
    X, truth = taken(data.X, rows), taken(truth, rows)
    inputs = LinearInputs(X, prepared.preprocessing)
    network = build_network(
        _network_spec(prepared.target, len(truth)),
        n_inputs=inputs.count,
        n_outputs=_n_outputs(prepared.target),
    )
    target: TargetEncoding = prepared.target
    if isinstance(target, NumberTarget):
        target = NumberTarget.fit(truth, standardise=True)
        y = target.encode(truth).astype(np.float32)
    else:
        y = target.encode(truth, network)
    standardised = inputs.of(X).astype(np.float32, copy=False)
    parameters = _minimised(network, TrainingData(X=standardised, y=y), _loss(target))
    if parameters is None:
        return OVERFLOWED
    return LinearModel(network, parameters, inputs, target, len(truth))


def _minimised(network: Network, data: TrainingData, loss: Loss) -> Array | None:
    """The parameters (P,), once two epochs in a row have hardly lessened the objective."""
    spec = TrainingSpec(
        epochs=MAX_EPOCHS,
        batch_size=len(data.X),
        loss=loss,
        optimizer=LbfgsSpec(max_evaluations=_EVALUATIONS),
        shuffle=False,
    )
    state = TrainingState.initial(network, spec, 0)
    objectives: list[float] = []
    for progress in train(network, state, data, spec, 0):
        if progress.report is None:
            continue
        # That of the report is without the penalty, which is traded for it towards the end.
        objectives.append(float(state.slots["objective"][0]))
        before = objectives[max(len(objectives) - 1 - _STEADY_EPOCHS, 0)]
        if len(objectives) > _STEADY_EPOCHS and before - objectives[-1] <= _STEADY * before:
            break
    return None if state.divergence is not None else state.final_parameters(spec)


def _network_spec(target: TargetEncoding, n_rows: int) -> NetworkSpec:
    if isinstance(target, NumberTarget):
        # The engine's error is a mean over the targets too, and its penalty has a half.
        l2 = 2.0 * PENALTY / (n_rows * len(target.scales))
        output = OutputSpec(activation="identity", initializer="zeros", l2=l2)
    else:
        activation: Any = "softmax" if _n_outputs(target) > 1 else "sigmoid"
        output = OutputSpec(activation=activation, initializer="zeros", l2=PENALTY / n_rows)
    return NetworkSpec(output=output)


def _n_outputs(target: TargetEncoding) -> int:
    if isinstance(target, NumberTarget):
        return len(target.scales)
    return len(target.labels) if len(target.labels) > 2 else 1


def _loss(target: TargetEncoding) -> Loss:
    if isinstance(target, NumberTarget):
        return MseSpec()
    return SoftmaxCrossEntropySpec() if len(target.labels) > 2 else BinaryCrossEntropySpec()


def _n_rows(prepared: Prepared, epochs: int) -> int:
    n_train = len(prepared.training_truth)
    allowed = allowance(LINEAR_SHARE, _BOUNDS, prepared.network, epochs * n_train)
    levels = prepared.preprocessing.levels.values()
    width = len(plain_inputs(prepared.preprocessing)) + sum(
        min(at.count, MAX_LEVELS) for at in levels
    )
    width += _NUMBERS_PER_OUTPUT * _n_outputs(prepared.target)
    return max(int(allowed.operations / _OPERATIONS_PER_NUMBER / width), LEAST_ROWS)


def _frequent(numbers: NDArray[Any]) -> NDArray[Any]:
    levels, counts = np.unique(numbers, return_counts=True)
    kept = np.argsort(-counts, kind="stable")[:MAX_LEVELS]
    return np.sort(levels[kept])
