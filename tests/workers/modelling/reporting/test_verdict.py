"""What is said of a model by its losses: never good where a constant answer does as well."""

from __future__ import annotations

import numpy as np
import pytest

from tests.workers.modelling.tables import csv_of, ingested, trained
from workers.modelling.evaluation import report
from workers.modelling.plan import ModelWish
from workers.modelling.reporting.learning import WEIGHTED, Course, verdict_of

COURSE = Course(epochs=10, best_epoch=5, stop_reason="early_stopping")
LATE = Course(epochs=10, best_epoch=10, stop_reason="max_epochs")

# Training, validation and constant loss, its standard error; all as multiples of the constant's.
CASES = {
    "good": (0.20, 0.22, 0.01, COURSE),
    "overfitting": (0.10, 0.50, 0.05, COURSE),
    # The same gap, of rows that say little.
    "uncertain": (0.10, 0.50, 0.25, COURSE),
    "learned_by_heart": (0.10, 1.20, 0.90, COURSE),
    "nothing_learned": (0.99, 0.995, 0.05, COURSE),
    "underfitting": (0.50, 0.50, 0.05, LATE),
}


@pytest.mark.parametrize("verdict", CASES)
@pytest.mark.parametrize("constant", [1.0, 40.0])
def test_losses_tell(verdict: str, constant: float) -> None:
    training, validation, error, course = CASES[verdict]
    losses = {"training": training, "validation": validation, "constant": 1.0}
    scaled = {name: loss * constant for name, loss in losses.items()}
    assert verdict_of(scaled, error * constant, course) == verdict


def test_a_linear_model_that_does_better_tells() -> None:
    losses = {"training": 0.40, "validation": 0.42, "constant": 1.0, "linear": 0.20}
    assert verdict_of(losses, 0.05, COURSE) == "behind_linear"


@pytest.mark.parametrize("training", np.linspace(0.0, 2.0, 9))
@pytest.mark.parametrize("error", [0.0, 0.1, 5.0])
def test_what_is_no_better_than_a_constant_is_never_good(training: float, error: float) -> None:
    losses = {"training": training, "validation": 1.0, "constant": 1.0}
    assert verdict_of(losses, error, COURSE) in ("learned_by_heart", "nothing_learned")


def test_more_columns_than_rows_is_not_good() -> None:
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=121) for _ in range(40))
    header = ",".join([*(f"c{i}" for i in range(120)), "y"])
    end = trained(ingested(csv_of(header, rows)), ModelWish(target="y"))
    found = report(end.model, end.prepared)["learning"]
    assert found["verdict"] == "overfitting"


def test_of_weighted_classes_it_is_not_told_by_losses() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=400)
    rows = ((value, "rare" if value > 1.5 else "usual") for value in x)
    wish = ModelWish(target="y", training={"class_weight": "balanced", "epochs": 5})
    end = trained(ingested(csv_of("x,y", rows)), wish)
    found = report(end.model, end.prepared)["learning"]
    assert found == {"reason": WEIGHTED}
