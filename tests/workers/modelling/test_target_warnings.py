"""Leaks and rare classes are said before and while a model is trained."""

from __future__ import annotations

import numpy as np
import pytest

from tests.workers.modelling.tables import PENGUINS, Ingested, csv_of, ingested
from workers.modelling.estimator import prepare
from workers.modelling.plan import ModelWish, Task
from workers.modelling.recipes import resolve


def leaks_of(data: Ingested, target: str) -> list[str | None]:
    prepared = prepare(data.table, resolve(ModelWish(target=target), data.profile))
    return [w.column for w in prepared.warnings if w.code == "likely_leak"]


def imbalance_of(classes: list[object], **training: object) -> list[str]:
    rows = ((f"{i * 0.37:.2f}", value) for i, value in enumerate(classes))
    data = ingested(csv_of("x,y", rows))
    plan = resolve(ModelWish(target="y", task=None, training=training), data.profile)
    return [w.detail for w in plan.warnings if w.code == "class_imbalance"]


def test_a_column_that_repeats_the_target_is_named() -> None:
    draw = np.random.default_rng(3)
    alive = draw.integers(2, size=300)
    rows = [
        ("yes" if a else "no", a, f"{x:.3f}", None)
        for a, x in zip(alive, draw.normal(size=300), strict=True)
    ]
    data = ingested(csv_of("alive,survived,age,deck", rows))
    assert leaks_of(data, "survived") == ["alive"]


def test_a_column_that_is_the_target_in_other_units_is_named() -> None:
    draw = np.random.default_rng(3)
    celsius, noise = draw.normal(size=(2, 300))
    rows = zip(celsius.tolist(), (celsius * 1.8 + 32).tolist(), noise.tolist(), strict=True)
    data = ingested(csv_of("celsius,fahrenheit,noise", rows))
    assert leaks_of(data, "celsius") == ["fahrenheit"]


def test_the_penguins_have_no_leak() -> None:
    penguins = ingested(PENGUINS)
    for target in ("species", "sex", "body_mass_g"):
        assert leaks_of(penguins, target) == []


def test_a_model_of_one_feature_is_meant_to_go_by_it() -> None:
    data = ingested(csv_of("x,y", ((x, 2.5 * x + 4) for x in range(300))))
    assert leaks_of(ingested(csv_of("x,y", ((x / 7, 2.5 * x + 4) for x in range(300)))), "y") == []
    assert leaks_of(data, "y") == []


def test_a_sample_of_a_large_table_shows_the_leak() -> None:
    draw = np.random.default_rng(3)
    y = draw.normal(size=25_000).round(5)
    rows = zip(y.tolist(), (y**3).tolist(), draw.normal(size=25_000).round(4).tolist(), strict=True)
    assert leaks_of(ingested(csv_of("y,cube,noise", rows)), "y") == ["cube"]


@pytest.mark.parametrize("classes", [("yes", "no"), (1, 0), ("true", "false")])
def test_two_percent_of_positives_are_named_with_what_helps(classes: tuple[object, object]) -> None:
    (detail,) = imbalance_of([classes[i % 50 > 0] for i in range(1000)])
    assert detail.startswith(f'The class "{classes[0]}" has 20 of 1000 rows (2.00%)')
    assert '"class_weight": "balanced"' in detail


def test_who_weighs_the_classes_is_told_nothing() -> None:
    rare: list[object] = ["ab"[i % 50 > 0] for i in range(1000)]
    assert imbalance_of(rare, class_weight="balanced") == []


def test_of_many_classes_all_may_be_rare() -> None:
    assert imbalance_of([f"c{i % 40}" for i in range(4000)]) == []
    (detail,) = imbalance_of([f"c{i % 12 if i % 100 else 99}" for i in range(2400)])
    assert detail.startswith('The class "c99" has 24 of 2400 rows (1.00%)')
    (detail,) = imbalance_of([f"c{i % 8 if i % 50 else i // 50}" for i in range(2000)])
    assert detail.startswith("The rarest of 40 classes have at most ")
    (detail,) = imbalance_of([min(i % 200, 12) for i in range(2600)])
    assert detail.startswith('The class "11" has 13 of 2600 rows (0.50%)')


def test_classes_of_five_percent_are_rare_to_nobody() -> None:
    assert imbalance_of(["ab"[i % 20 > 0] for i in range(1000)]) == []


@pytest.mark.parametrize(
    ("task", "values", "said"),
    [
        (None, 7, True),
        (None, 2, False),
        (None, 90, False),
        ("multiclass", 7, False),
        ("regression", 7, False),
    ],
)
def test_numbers_that_are_taken_for_classes_are_named(
    task: Task | None, values: int, said: bool
) -> None:
    data = ingested(csv_of("x,y", ((f"{i * 0.37:.2f}", i % values) for i in range(300))))
    plan = resolve(ModelWish(target="y", task=task), data.profile)
    assert ("numbers_as_classes" in [w.code for w in plan.warnings]) == said
