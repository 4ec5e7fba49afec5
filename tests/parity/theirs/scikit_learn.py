"""Networks of scikit-learn, on the rows of a case.

What it defines otherwise is set right here: its squared error has a factor 1/2 and is summed over
the outputs in the gradient, so descent takes another learning rate; its penalty is divided by the
rows of the batch.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

if TYPE_CHECKING:
    from tests.parity.case import Arrays, Case

STANDSTILL = 1e-30
"""A learning rate that changes no weight."""

_ACTIVATIONS = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}


def training(case: Case) -> Arrays:
    """All tensors at the end."""
    training = case.options["training"]
    rate = training["optimizer"]["learning_rate"]
    return _fit(case.options, case.inputs, rate, training["epochs"])


def initial_tensors(options: dict[str, Any], inputs: Arrays) -> Arrays:
    """Its own initial weights, which a step of no length leaves as they are."""
    return _fit(options, inputs, STANDSTILL, 1)


def _fit(options: dict[str, Any], inputs: Arrays, rate: float, epochs: int) -> Arrays:
    training, kind = options["training"], options["loss"]["type"]
    optimizer = training["optimizer"]
    scale = options["n_outputs"] / 2.0 if kind == "mse" else 1.0
    if optimizer["type"] == "sgd":
        rate /= scale
    layers = options["network"]["layers"]
    settings = {
        "hidden_layer_sizes": tuple(layer["units"] for layer in layers),
        "activation": _ACTIVATIONS[layers[0]["activation"]],
        "alpha": layers[0]["l2"] * len(inputs["X"]) * scale,
        "batch_size": training["batch_size"],
        "learning_rate_init": rate,
        "max_iter": epochs,
        "shuffle": False,
        "random_state": 11,
        "n_iter_no_change": epochs + 1,
    } | _solver(optimizer)
    if kind in {"mse", "poisson"}:
        loss = "squared_error" if kind == "mse" else "poisson"
        model = MLPRegressor(loss=loss, **settings)
    else:
        model = MLPClassifier(**settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        y = inputs["y"]
        model.fit(inputs["X"], y.ravel() if y.shape[1:] in {(), (1,)} else y)
    found: Arrays = {}
    for index, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        found |= {f"layers.{index}.weight": weight, f"layers.{index}.bias": bias}
    return found


def _solver(optimizer: dict[str, Any]) -> dict[str, Any]:
    if optimizer["type"] == "adam":
        return {
            "solver": "adam",
            "beta_1": optimizer["beta1"],
            "beta_2": optimizer["beta2"],
            "epsilon": optimizer["epsilon"],
        }
    return {
        "solver": "sgd",
        "momentum": optimizer["momentum"],
        "nesterovs_momentum": optimizer["nesterov"],
    }
