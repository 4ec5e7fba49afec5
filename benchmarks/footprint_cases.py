"""Trainings whose memory and time are compared with what the service says of them beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field

from workers.engine.network import Network
from workers.engine.spec import (
    AdamSpec,
    AdamWSpec,
    BatchNormSpec,
    DenseSpec,
    DropoutSpec,
    EarlyStoppingSpec,
    Layer,
    NetworkSpec,
    Optimizer,
    Precision,
    SgdSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)

N_CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class Case:
    """A training for classification, with a table of so many rows."""

    n_inputs: int
    layers: tuple[Layer, ...]
    rows: int
    batch_size: int
    optimizer: Optimizer = field(default_factory=AdamSpec)
    precision: Precision = "float32"
    restores_best: bool = False

    def network(self) -> Network:
        """With N_CLASSES outputs."""
        return Network(
            NetworkSpec(layers=self.layers),
            n_inputs=self.n_inputs,
            n_outputs=N_CLASSES,
            output_activation="softmax",
        )

    def training(self, epochs: int) -> TrainingSpec:
        """For so many epochs, which nothing ends before."""
        stopping = EarlyStoppingSpec(monitor="train_loss", patience=epochs)
        return TrainingSpec(
            epochs=epochs,
            batch_size=self.batch_size,
            loss=SoftmaxCrossEntropySpec(),
            optimizer=self.optimizer,
            precision=self.precision,
            early_stopping=stopping if self.restores_best else None,
        )


def _relu(*units: int) -> tuple[DenseSpec, ...]:
    return tuple(DenseSpec(units=n, activation="relu") for n in units)


_NORMED: tuple[Layer, ...] = (
    DenseSpec(units=512, activation="identity"),
    BatchNormSpec(),
    *_relu(512),
    DropoutSpec(rate=0.1),
)

CASES = {
    "tiny": Case(n_inputs=4, layers=_relu(16), rows=16_384, batch_size=32),
    "small": Case(n_inputs=30, layers=_relu(64, 32), rows=20_480, batch_size=128),
    "long table": Case(n_inputs=16, layers=_relu(32), rows=1_000_000, batch_size=256),
    "medium": Case(n_inputs=784, layers=_relu(256, 128), rows=20_480, batch_size=128),
    "large batch": Case(
        n_inputs=64,
        layers=_relu(512, 512),
        rows=32_768,
        batch_size=8_192,
        optimizer=AdamWSpec(),
    ),
    "large": Case(n_inputs=512, layers=_relu(2048, 2048), rows=4_096, batch_size=1_024),
    "large, SGD, float64": Case(
        n_inputs=512,
        layers=_relu(2048, 2048),
        rows=2_048,
        batch_size=512,
        optimizer=SgdSpec(momentum=0.9),
        precision="float64",
    ),
    "best kept": Case(
        n_inputs=256, layers=_relu(1024, 1024), rows=8_192, batch_size=256, restores_best=True
    ),
    "norm, dropout": Case(n_inputs=128, layers=_NORMED, rows=32_768, batch_size=256),
}
