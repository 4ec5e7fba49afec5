"""A network of several members against the single networks that its members are."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.workers.engine import problems
from workers.engine import forward
from workers.engine.kernels.chunk import CHUNKED
from workers.engine.kernels.plain import PLAIN
from workers.engine.network import Network
from workers.engine.problem import Problem
from workers.engine.spec import (
    AdamSpec,
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    FocalSpec,
    LayerNormSpec,
    MseSpec,
    NetworkSpec,
    SoftmaxCrossEntropySpec,
)
from workers.engine.stacked import train_stacked
from workers.engine.steps import chunk_plan
from workers.engine.training import TrainingData, TrainingState, train
from workers.engine.validation import Validation

if TYPE_CHECKING:
    from workers.engine.kernels.contract import Kernels
    from workers.engine.tensors import Array

MEMBERS = 3
LAYERS = (DenseSpec(units=8, activation="silu"), LayerNormSpec(), DenseSpec(units=6))
OUTPUTS = ("identity", "tanh", "sigmoid", "softmax", "exponential")


def network(members: int = MEMBERS, output: Any = "softmax", layers: Any = LAYERS) -> Network:
    spec = NetworkSpec(layers=layers, skip=True, members=members)
    return Network(spec, n_inputs=4, n_outputs=3, output_activation=output)


def moved(several: Network, seed: int = 0) -> Array:
    """Parameters away from where they start."""
    rng = np.random.default_rng(seed)
    parameters = several.initial_parameters(seed, np.float64)
    return parameters + rng.normal(0.0, 0.3, parameters.shape)


def member(several: Network, parameters: Array, index: int) -> Array:
    """The parameters of one member as a network: its scales put into its weights."""
    alone = network(1, several.output_activation)
    found = np.empty(alone.n_parameters)
    shared, own = several.layout.views(parameters), alone.layout.views(found)
    for name, tensor in own.items():
        of_all = shared[name]
        tensor[...] = of_all if of_all.shape == tensor.shape else of_all[index]
    for name in ("layers.0", "layers.1"):
        r, s = shared[f"{name}.in_scale"][index], shared[f"{name}.out_scale"][index]
        own[f"{name}.weight"][...] *= np.outer(r, s)
    return found


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_answer_is_the_mean_of_the_answers_of_the_members(output: str) -> None:
    several, X = network(output=output), np.random.default_rng(1).normal(size=(300, 4))
    parameters = moved(several)
    each = [
        forward.outputs(network(1, output), member(several, parameters, index), X)
        for index in range(MEMBERS)
    ]
    np.testing.assert_allclose(
        forward.outputs(several, parameters, X), np.mean(each, axis=0), rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("output", ["sigmoid", "softmax", "exponential"])
def test_the_score_is_that_of_the_answer(output: Any) -> None:
    several, X = network(output=output), np.random.default_rng(1).normal(size=(40, 4))
    parameters = moved(several)
    scores = forward.logits(several, parameters, X)
    PLAIN.activations[output](problems_memory(), scores.shape, False).forward(scores)
    np.testing.assert_allclose(scores, forward.outputs(several, parameters, X), rtol=1e-12)


def problems_memory() -> Any:
    spec = problems.classifier(precision="float64")
    return Problem(network(), problems.classes(), spec, 0, PLAIN).memory


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropySpec(), FocalSpec(gamma=0.0)])
def test_an_epoch_is_judged_by_the_loss_of_the_common_answer(loss: Any) -> None:
    several, data = network(), problems.classes()
    problem = Problem(several, data, problems.classifier(precision="float64", loss=loss), 0, PLAIN)
    validation = Validation(problem)
    parameters = moved(several)
    list(validation.run(parameters))
    answers = forward.outputs(several, parameters, np.asarray(data.X_validation))
    assert validation.outputs.tobytes() == answers.tobytes()
    p = answers[np.arange(len(answers)), np.asarray(data.y_validation)]
    assert validation.loss == pytest.approx(-np.log(p).mean(), rel=1e-12)


def test_a_loss_of_probabilities_too_small_for_a_number_is_finite() -> None:
    several, data = network(layers=()), problems.classes()
    problem = Problem(several, data, problems.classifier(), 0, PLAIN)
    parameters = np.zeros(several.n_parameters, np.float32)
    several.layout.views(parameters)["layers.0.bias"][:, 0] = 400.0
    validation = Validation(problem)
    list(validation.run(parameters))
    labels = np.asarray(data.y_validation)
    assert validation.loss == pytest.approx(400.0 * float((labels != 0).mean()), rel=1e-6)


def test_members_begin_apart_by_signs_at_the_inputs_alone() -> None:
    several = network(members=32)
    start = several.layout.views(several.initial_parameters(5, np.float64))
    alone = network(members=1)
    single = alone.layout.views(alone.initial_parameters(5, np.float64))
    signs = start["layers.0.in_scale"]
    assert set(signs.reshape(-1)) == {-1.0, 1.0}
    assert abs(signs.mean()) < 0.3
    for name in ("layers.0.out_scale", "layers.1.in_scale", "layers.1.out_scale"):
        assert (start[name] == 1.0).all()
    for name in ("layers.0.weight", "layers.1.weight"):
        np.testing.assert_array_equal(start[name], single[name])
    assert len(np.unique(start["layers.2.weight"])) == start["layers.2.weight"].size


def test_scales_are_not_decayed() -> None:
    several = network()
    shapes = several.trainable.shapes
    decayed = sum(int(np.prod(shape)) for name, shape in shapes.items() if name.endswith("weight"))
    assert several.n_decayed == decayed


def test_a_compiled_chunk_declines_members() -> None:
    hidden = (DenseSpec(units=4, activation="tanh"),)
    spec = problems.classifier()
    assert chunk_plan.covers(network(1, layers=hidden), spec)
    assert not chunk_plan.covers(network(2, layers=hidden), spec)
    assert not chunk_plan.covers(network(2, layers=()), spec)


@pytest.mark.parametrize("members", [2, 3, 8])
@pytest.mark.parametrize("dtype", [np.dtype(np.float32), np.dtype(np.float64)])
def test_large_batches_take_large_products(dtype: Any, members: int) -> None:
    layers = (DenseSpec(units=32, activation="silu"), BatchNormSpec(), DenseSpec(units=32))
    several = network(members, layers=layers)
    assert forward.portions(several, dtype, PLAIN)[0].total == forward.PORTION


@pytest.mark.parametrize("kernels", [PLAIN, CHUNKED], ids=["plain", "compiled"])
def test_a_training_goes_on_with_the_same_bits_and_in_a_stack_too(kernels: Kernels) -> None:
    layers = (*LAYERS, DropoutSpec(rate=0.3))
    several, data = network(layers=layers), problems.classes()
    spec = problems.classifier(ema_decay=0.9, accumulate=2)
    seeds = (3, 4)
    ends = []
    for seed in seeds:
        state = TrainingState.initial(several, spec, seed)
        for _ in train(several, state, data, spec, seed, kernels=kernels):
            pass
        ends.append(state)
    cut = TrainingState.initial(several, spec, seeds[0])
    ticks = iter(range(10**6))
    for progress in train(
        several, cut, data, spec, seeds[0], kernels=kernels, clock=lambda: float(next(ticks))
    ):
        if progress.step == 4 and progress.report is None:
            break
    back = deepcopy(cut)
    list(train(several, back, data, spec, seeds[0], kernels=kernels))
    assert back.final_parameters(spec).tobytes() == ends[0].final_parameters(spec).tobytes()
    stack = [Problem(several, data, spec, seed, kernels) for seed in seeds]
    states = [TrainingState.initial(several, spec, seed) for seed in seeds]
    list(train_stacked(stack, states))
    for state, end in zip(states, ends, strict=True):
        assert state.final_parameters(spec).tobytes() == end.final_parameters(spec).tobytes()


def test_members_together_fit_a_curve() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(-2.0, 2.0, (400, 4))
    y = np.sin(2.0 * X[:, :3])
    several = network(8, "identity", (DenseSpec(units=32, activation="silu"),) * 2)
    adam = AdamSpec(learning_rate=0.01)
    spec = problems.classifier(loss=MseSpec(), epochs=60, precision="float64", optimizer=adam)
    data = TrainingData(X[:300], y[:300], X[300:], y[300:])
    _, reports = problems.run_to_end(several, data, spec)
    report = reports[-1].report
    assert report is not None
    assert report.val_loss is not None
    assert report.val_loss < 0.1 * float(y.var())
