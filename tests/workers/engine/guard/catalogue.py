"""Small trainings that together use every layer, loss, optimiser and feature of the catalogue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple, get_args

import numpy as np

from workers.engine import spec
from workers.engine.network import Category, Network
from workers.engine.training import TrainingData

N_ROWS, N_VALIDATION, N_INPUTS = 44, 12, 4
LEVELS = 5


class Case(NamedTuple):
    """A network with its training; `categories` are the embedded ones among its inputs."""

    hidden: spec.NetworkSpec
    training: spec.TrainingSpec
    output: spec.OutputActivation = "identity"
    n_outputs: int = 2
    weighted: bool = False

    def network(self) -> Network:
        columns = {table.column: Category(3, LEVELS) for table in self.hidden.embeddings}
        return Network(
            self.hidden,
            n_inputs=N_INPUTS,
            n_outputs=self.n_outputs,
            output_activation=self.output,
            categories=columns,
        )

    def data(self) -> TrainingData:
        """Targets that fit the loss; the last column holds codes where it is embedded."""
        random = np.random.default_rng(11)
        n_rows = N_ROWS + N_VALIDATION
        X = random.normal(size=(n_rows, N_INPUTS))
        if self.hidden.embeddings:
            X[:, 3] = random.integers(0, LEVELS, n_rows)
        y = self._targets(random, X)
        weights = random.uniform(0.0, 2.0, n_rows) if self.weighted else None
        return TrainingData(
            X[:N_ROWS],
            y[:N_ROWS],
            X[N_ROWS:],
            y[N_ROWS:],
            None if weights is None else weights[:N_ROWS],
            None if weights is None else weights[N_ROWS:],
            lambda outputs: {"val_accuracy": float(np.mean(outputs[:, 0] > 0.0))},
        )

    def _targets(self, random: np.random.Generator, X: np.ndarray[Any, Any]) -> Any:
        if self.output == "softmax" and self.training.loss.type != "mse":
            return np.argmax(X[:, : self.n_outputs], axis=1)
        if self.training.loss.type == "poisson":
            return random.integers(0, 4, (len(X), self.n_outputs)).astype(np.float64)
        if self.output == "sigmoid":
            return (X[:, : self.n_outputs] > 0.0).astype(np.float64)
        return np.sin(X[:, : self.n_outputs]) + 0.1 * random.normal(size=(len(X), self.n_outputs))


def dense(activation: spec.Activation = "tanh", **fields: Any) -> spec.DenseSpec:
    return spec.DenseSpec(units=6, activation=activation, **fields)


def stack(*layers: Any, **fields: Any) -> spec.NetworkSpec:
    return spec.NetworkSpec(layers=layers, **fields)


def training(loss: spec.Loss | None = None, **fields: Any) -> spec.TrainingSpec:
    """Three epochs of three batches with a tail, in float64."""
    values: dict[str, Any] = {"epochs": 3, "batch_size": 16, "precision": "float64"}
    return spec.TrainingSpec(loss=loss or spec.MseSpec(), **(values | fields))


def in_precision(case: Case, precision: Any) -> Case:
    return case._replace(training=replace(case.training, precision=precision))


_BASE = stack(dense())
_CLASSES = spec.SoftmaxCrossEntropySpec()
_ADAM = spec.AdamSpec(learning_rate=0.01)

ACTIVATIONS = {
    f"activation-{name}": Case(stack(dense(name), dense()), training())
    for name in get_args(spec.Activation)
}
OUTPUTS = {
    f"output-{name}": Case(_BASE, training(), name) for name in get_args(spec.OutputActivation)
}
LAYERS = {
    "layer-none": Case(stack(), training()),
    "layer-no-bias": Case(stack(dense(bias=False)), training()),
    "layer-activation": Case(
        stack(dense("identity"), spec.ActivationSpec(activation="gelu")), training()
    ),
    "layer-activation-prelu": Case(
        stack(dense("identity"), spec.ActivationSpec(activation="prelu")), training()
    ),
    "layer-dropout": Case(stack(dense(), spec.DropoutSpec(rate=0.3)), training()),
    "layer-batch_norm": Case(stack(dense(), spec.BatchNormSpec()), training()),
    "layer-layer_norm": Case(stack(dense(), spec.LayerNormSpec()), training()),
    "layer-scale": Case(stack(spec.ScaleSpec(factor=2.0), dense()), training()),
    "layer-residual": Case(stack(dense(), dense(), spec.ResidualSpec(span=1)), training()),
    "members": Case(stack(dense(), spec.DropoutSpec(rate=0.3), dense(), members=3), training()),
    "members-everything": Case(
        stack(
            dense("prelu", l1=0.01),
            spec.BatchNormSpec(),
            dense(max_norm=1.0),
            spec.ResidualSpec(),
            output=spec.OutputSpec(l2=0.01, max_norm=2.0),
            embeddings=(spec.EmbeddingSpec(column="c", dimension=2),),
            skip=True,
            members=2,
        ),
        training(spec.SoftmaxCrossEntropySpec(), accumulate=2, ema_decay=0.9),
        "softmax",
        3,
        weighted=True,
    ),
    "waves": Case(
        stack(dense(), numeric_embeddings=spec.NumericEmbeddingSpec(frequencies=4)), training()
    ),
    "waves-everything": Case(
        stack(
            dense(),
            embeddings=(spec.EmbeddingSpec(column="c", dimension=2),),
            numeric_embeddings=spec.NumericEmbeddingSpec(frequencies=3, dimension=2, sigma=1.0),
            skip=True,
            members=2,
        ),
        training(optimizer=spec.AdamWSpec(), ema_decay=0.9),
    ),
    "skip": Case(stack(dense(), skip=True), training()),
    "embeddings": Case(
        stack(dense(), embeddings=(spec.EmbeddingSpec(column="c", dimension=2),), skip=True),
        training(),
    ),
}
LOSSES = {
    "loss-mse": Case(_BASE, training()),
    "loss-mae": Case(_BASE, training(spec.MaeSpec())),
    "loss-huber": Case(_BASE, training(spec.HuberSpec(delta=0.5))),
    "loss-quantile": Case(_BASE, training(spec.QuantileSpec(quantile=0.8))),
    "loss-poisson": Case(_BASE, training(spec.PoissonSpec()), "exponential"),
    "loss-binary_cross_entropy": Case(
        _BASE, training(spec.BinaryCrossEntropySpec(label_smoothing=0.1)), "sigmoid"
    ),
    "loss-softmax_cross_entropy": Case(
        _BASE, training(spec.SoftmaxCrossEntropySpec(label_smoothing=0.1)), "softmax", 3
    ),
    "loss-focal": Case(_BASE, training(spec.FocalSpec()), "softmax", 3),
    "loss-focal-sigmoid": Case(_BASE, training(spec.FocalSpec()), "sigmoid"),
}
OPTIMIZERS = {
    "optimizer-sgd": Case(_BASE, training(optimizer=spec.SgdSpec())),
    "optimizer-sgd-nesterov": Case(
        _BASE, training(optimizer=spec.SgdSpec(momentum=0.9, nesterov=True))
    ),
    "optimizer-adam": Case(_BASE, training(optimizer=_ADAM)),
    "optimizer-adamw": Case(_BASE, training(optimizer=spec.AdamWSpec(weight_decay=0.1))),
    "optimizer-rmsprop": Case(
        _BASE, training(optimizer=spec.RmspropSpec(centered=True, momentum=0.5))
    ),
    "optimizer-adagrad": Case(_BASE, training(optimizer=spec.AdagradSpec())),
    "optimizer-adadelta": Case(_BASE, training(optimizer=spec.AdadeltaSpec())),
    "optimizer-adamax": Case(_BASE, training(optimizer=spec.AdamaxSpec())),
    "optimizer-nadam": Case(_BASE, training(optimizer=spec.NadamSpec())),
    "optimizer-lbfgs": Case(_BASE, training(optimizer=spec.LbfgsSpec(), batch_size=64)),
}
FEATURES = {
    "weights": Case(_BASE, training(_CLASSES), "softmax", 3, weighted=True),
    "weights-regression": Case(_BASE, training(), weighted=True),
    "penalties": Case(stack(dense(l1=0.01, l2=0.02)), training()),
    "max_norm": Case(stack(dense(max_norm=0.5)), training(optimizer=_ADAM)),
    "clip_value": Case(_BASE, training(clip_value=0.01)),
    "clip_norm": Case(_BASE, training(clip_norm=0.05)),
    "accumulate": Case(_BASE, training(accumulate=2)),
    "ema": Case(_BASE, training(ema_decay=0.9, optimizer=_ADAM)),
    "schedule": Case(
        _BASE, training(schedule=spec.OneCycleSchedule(warmup_steps=2), optimizer=_ADAM)
    ),
    "plateau": Case(_BASE, training(schedule=spec.ReduceOnPlateauSchedule(patience=1), epochs=6)),
    "early_stopping": Case(
        _BASE,
        training(
            early_stopping=spec.EarlyStoppingSpec(patience=2, monitor="val_accuracy"), epochs=8
        ),
    ),
    "everything": Case(
        stack(
            dense("prelu", l2=0.01),
            spec.BatchNormSpec(),
            spec.DropoutSpec(rate=0.2),
            dense("mish", max_norm=1.0),
            spec.ResidualSpec(span=1),
            spec.LayerNormSpec(),
            embeddings=(spec.EmbeddingSpec(column="c", dimension=3),),
            skip=True,
        ),
        training(
            _CLASSES,
            optimizer=spec.AdamWSpec(learning_rate=0.01),
            clip_norm=1.0,
            accumulate=2,
            ema_decay=0.8,
            schedule=spec.CosineSchedule(),
            early_stopping=spec.EarlyStoppingSpec(patience=5),
        ),
        "softmax",
        3,
        weighted=True,
    ),
}
CASES = {**ACTIVATIONS, **OUTPUTS, **LAYERS, **LOSSES, **OPTIMIZERS, **FEATURES}
