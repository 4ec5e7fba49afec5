"""Where libraries differ: each convention here is ours, and told apart from the other one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.parity.case import Case
from tests.parity.ours.table import compute
from tests.parity.problems import Problem
from tests.parity.specs import to_plain
from workers.engine.spec import (
    AdamSpec,
    AdamWSpec,
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    HuberSpec,
    Loss,
    MseSpec,
    NetworkSpec,
    Optimizer,
    OutputSpec,
    PoissonSpec,
    RmspropSpec,
    SgdSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.parity.case import Arrays

SAME = 1e-12
G = np.array([1e-6, -3e-6, 2e-6])
LINEAR = NetworkSpec()
STEP = TrainingSpec(
    epochs=1,
    batch_size=100,
    loss=MseSpec(),
    optimizer=SgdSpec(learning_rate=0.1),
    shuffle=False,
    precision="float64",
)


def moved(spec: Optimizer, gradients: NDArray[Any], rates: list[float]) -> NDArray[Any]:
    """Three weights and no bias after ten steps, from 1."""
    inputs = {"w": np.ones(3), "g": gradients, "rates": np.array(rates)}
    options = {"optimizer": to_plain(spec), "n_decayed": 3}
    path: NDArray[Any] = compute(Case("trap", "optimizer", options, inputs))["w"][-1]
    return path


def loss_of(loss: Loss, z: Any, y: Any, activation: str = "identity") -> float:
    """The mean loss of scores."""
    inputs = {"z": np.array(z, float), "y": np.array(y)}
    options = {"loss": to_plain(loss), "activation": activation}
    return float(compute(Case("trap", "loss", options, inputs))["value"])


def activated(name: str, z: list[float]) -> Arrays:
    """Values and slopes."""
    inputs = {"z": np.array([z]), "da": np.ones((1, len(z)))}
    return compute(Case("trap", "activation", {"activation": name}, inputs))


def trained(
    spec: TrainingSpec, X: Any, y: Any, network: NetworkSpec = LINEAR, **more: Any
) -> Arrays:
    """A line from one input, with all of its parameters at 1 before the first step."""
    X, y = np.array(X, float)[:, None], np.array(y, float)[:, None]
    problem = Problem(network, n_inputs=1, n_outputs=1, rows=len(X))
    options = problem.options() | {"training": to_plain(spec), "seed": 0}
    tensors = {
        "layers.0.weight": np.ones((1, 1)),
        "layers.0.bias": np.ones(1),
    }
    given = {name: np.array(value, float) for name, value in more.items()}
    return compute(Case("trap", "training", options, {"X": X, "y": y} | tensors | given))


def test_the_epsilon_of_adam_stands_outside_the_bias_correction() -> None:
    """Keras and scikit-learn add it before: 1e-5 to 1e-4 apart after a few steps."""
    rate, b1, b2, eps = 0.01, 0.9, 0.999, 1e-8
    found = moved(AdamSpec(learning_rate=rate, epsilon=eps), np.tile(G, (10, 1)), [rate] * 10)
    ours, hat = np.ones(3), np.ones(3)
    m, v = np.zeros(3), np.zeros(3)
    for n in range(1, 11):
        m, v = b1 * m + (1 - b1) * G, b2 * v + (1 - b2) * G**2
        c1, c2 = 1 - b1**n, 1 - b2**n
        ours -= rate * (m / c1) / (np.sqrt(v / c2) + eps)
        hat -= rate * math.sqrt(c2) / c1 * m / (np.sqrt(v) + eps)
    np.testing.assert_allclose(found, ours, rtol=SAME)
    assert np.abs(found - hat).max() > 1e-5


def test_the_epsilon_of_rmsprop_stands_outside_the_root() -> None:
    """Keras has it inside."""
    rate, alpha, eps = 0.01, 0.99, 1e-8
    found = moved(RmspropSpec(learning_rate=rate, epsilon=eps), np.tile(G, (10, 1)), [rate] * 10)
    ours, inside, v = np.ones(3), np.ones(3), np.zeros(3)
    for _ in range(10):
        v = alpha * v + (1 - alpha) * G**2
        ours -= rate * G / (np.sqrt(v) + eps)
        inside -= rate * G / np.sqrt(v + eps)
    np.testing.assert_allclose(found, ours, rtol=SAME)
    assert np.abs(found - inside).max() > 1e-5


def test_the_learning_rate_stands_outside_the_momentum() -> None:
    """Inside it, as in Keras and scikit-learn, a change of the rate would be felt only slowly."""
    g = np.ones((10, 3))
    found = moved(SgdSpec(learning_rate=0.1, momentum=0.9), g, [0.1] * 5 + [0.01] * 5)
    ours, inside, b, c = 1.0, 1.0, 0.0, 0.0
    for rate in [0.1] * 5 + [0.01] * 5:
        b, c = 0.9 * b + 1.0, 0.9 * c - rate
        ours, inside = ours - rate * b, inside + c
    np.testing.assert_allclose(found, ours, rtol=SAME)
    assert abs(found[0] - inside) > 0.1


def test_the_decay_of_adamw_follows_the_learning_rate_and_not_the_gradient() -> None:
    spec = AdamWSpec(learning_rate=0.1, weight_decay=0.5)
    rates = [0.1] * 5 + [0.01] * 5
    found = moved(spec, np.zeros((10, 3)), rates)
    np.testing.assert_allclose(found, np.prod([1 - rate * 0.5 for rate in rates]), rtol=SAME)


def test_the_squared_error_has_no_half_and_is_a_mean_over_all_elements() -> None:
    assert loss_of(MseSpec(), [[1.0, 2.0], [3.0, 4.0]], np.zeros((2, 2))) == 7.5


def test_huber_grows_with_the_slope_delta() -> None:
    """The smooth L1 of PyTorch is this over delta."""
    assert loss_of(HuberSpec(delta=0.5), [[3.0]], [[0.0]]) == pytest.approx(0.5 * (3 - 0.25))


def test_the_poisson_loss_has_no_term_of_the_target_alone() -> None:
    value = loss_of(PoissonSpec(), [[math.log(2.0)]], [[5.0]], "exponential")
    assert value == pytest.approx(2.0 - 5.0 * math.log(2.0), rel=SAME)


def test_smoothing_gives_every_class_its_share_the_true_one_too() -> None:
    """e / K, not e / (K - 1) to the others alone."""
    z = np.array([[2.0, 0.0, -1.0]])
    log_p = z[0] - math.log(np.exp(z).sum())
    value = loss_of(SoftmaxCrossEntropySpec(label_smoothing=0.3), z, [0], "softmax")
    assert value == pytest.approx(-(0.7 * log_p[0] + 0.1 * log_p.sum()), rel=SAME)


def test_weights_of_rows_are_divided_by_their_sum() -> None:
    """Keras divides by the number of rows: weights twice as large would be twice the step."""
    X, y = [1.0, 2.0, 3.0], [0.0, 1.0, 5.0]
    once = trained(STEP, X, y, weights=[1.0, 2.0, 0.5])
    twice = trained(STEP, X, y, weights=[2.0, 4.0, 1.0])
    for name, tensor in once.items():
        np.testing.assert_allclose(tensor, twice[name], rtol=SAME)
    loss = (1.0 * 4.0 + 2.0 * 4.0 + 0.5 * 1.0) / 3.5
    assert once["train_loss"][0] == pytest.approx(loss, rel=SAME)


def test_the_gradient_of_a_smaller_last_batch_is_the_mean_over_its_own_rows() -> None:
    """Two rows and one: the step of the second batch is as long as if it were the only one."""
    found = trained(replace(STEP, batch_size=2), [0.0, 0.0, 0.0], [1.0, 1.0, 0.0])
    # The first batch has no error; in the second y = 1, t = 0: dL/db = 2.
    assert found["layers.0.bias"][0] == pytest.approx(1.0 - 0.1 * 2.0, rel=SAME)


@pytest.mark.parametrize("rows", [1, 10])
def test_a_penalty_is_as_strong_on_a_large_batch_as_on_a_small_one(rows: int) -> None:
    """scikit-learn divides its alpha by the rows of the batch. Biases are never penalised."""
    network = NetworkSpec(output=OutputSpec(l1=0.01, l2=0.5))
    found = trained(STEP, [0.0] * rows, [1.0] * rows, network)
    assert found["layers.0.weight"][0, 0] == pytest.approx(1.0 - 0.1 * (0.5 + 0.01), rel=SAME)
    assert found["layers.0.bias"][0] == 1.0
    assert found["train_loss"][0] == 0.0


def test_a_clipped_gradient_is_a_little_shorter_than_the_bound() -> None:
    """The 1e-6 in g min(1, max / (norm + 1e-6))."""
    found = trained(replace(STEP, clip_norm=0.5), [0.0, 0.0], [0.0, 0.0])
    step = 1.0 - found["layers.0.bias"][0]
    assert step == pytest.approx(0.1 * 2.0 * 0.5 / (2.0 + 1e-6), rel=SAME)


def test_batch_norm_weighs_the_old_statistics_by_its_momentum() -> None:
    """ONNX and Keras do; PyTorch's momentum weighs the new ones. The new variance is unbiased."""
    X = np.array([[1.0], [3.0]])
    inputs = {"X": X[None], "dA": np.zeros((1, 2, 1)), "scale": np.ones(1), "shift": np.zeros(1)}
    options = {"norm": to_plain(BatchNormSpec(momentum=0.9))}
    found = compute(Case("trap", "norm", options, inputs))
    assert found["mean"][0] == pytest.approx(0.1 * 2.0, rel=SAME)
    assert found["variance"][0] == pytest.approx(0.9 + 0.1 * 2.0, rel=SAME)
    biased = 1.0
    np.testing.assert_allclose(found["a0"], (X - 2.0) / math.sqrt(biased + 1e-5), rtol=SAME)


def test_dropout_scales_in_training_and_leaves_predictions_alone() -> None:
    layers = (DropoutSpec(rate=0.5), DenseSpec(units=1, activation="identity", bias=False))
    network = NetworkSpec(layers=layers, output=OutputSpec(bias=False))
    problem = Problem(network, n_inputs=4000, n_outputs=1, rows=1)
    inputs = {
        "X": np.ones((1, 4000)),
        "y": np.zeros((1, 1)),
        "layers.0.weight": np.full((4000, 1), 1.0 / 4000),
        "layers.1.weight": np.ones((1, 1)),
    }
    options = problem.options() | {"seed": 0}
    found = compute(Case("trap", "gradient", options, inputs))
    assert found["scores"][0, 0] == pytest.approx(1.0, rel=1e-9)
    kept = found["layers.0.weight"][:, 0] != 0.0
    assert math.sqrt(found["value"]) == pytest.approx(2.0 * kept.mean(), rel=1e-9)
    assert abs(kept.mean() - 0.5) < 5 * math.sqrt(0.25 / 4000)


def test_gelu_is_that_of_the_error_function() -> None:
    """The approximation by tanh is 2e-4 off at 1."""
    z = 1.0
    found = activated("gelu", [z])["a"][0, 0]
    assert found == pytest.approx(0.5 * z * (1 + math.erf(z / math.sqrt(2))), rel=SAME)
    tanh = 0.5 * z * (1 + math.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    assert abs(found - tanh) > 1e-4


def test_softplus_has_no_threshold() -> None:
    """PyTorch's is the identity from 20 on, 2e-9 off there."""
    assert activated("softplus", [20.5])["a"][0, 0] - 20.5 == pytest.approx(
        math.exp(-20.5), rel=1e-5
    )


@pytest.mark.parametrize(("name", "slope"), [("relu", 0.0), ("leaky_relu", 0.01)])
def test_the_slope_at_a_kink_is_the_left_one(name: str, slope: float) -> None:
    assert activated(name, [0.0])["dz"][0, 0] == slope
