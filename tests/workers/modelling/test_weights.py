from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from tests.workers.modelling.tables import (
    Ingested,
    codes_of,
    csv_of,
    ingested,
    problems_of,
    trained,
)
from workers.engine.spec import LbfgsSpec
from workers.modelling.coefficients import coefficients
from workers.modelling.estimator import prepare
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve
from workers.tabular.errors import TableError

N = 120
LABELS = [("rare" if i % 8 == 0 else "many" if i % 3 else "some") for i in range(N)]
DATA = ingested(
    csv_of(
        "x,label,flag,code,y,w,zero,negative,some",
        (
            (
                f"{(i * 37 % 101) / 10}",
                label,
                ("true", "false")[i % 2],
                (2, 3, 7)[i % 3],
                f"{(i * 53 % 97) / 7:.3f}",
                1 + i % 4,
                0,
                i - 5,
                None if i == 7 else 1,
            )
            for i, label in enumerate(LABELS)
        ),
    )
)
CLASSES, ROWS = "/training/class_weight", "/training/sample_weight"


def wish(target: str = "label", **training: Any) -> ModelWish:
    return ModelWish(target=target, features=("x",), training=training)


def prepared(target: str = "label", **training: Any) -> Any:
    return prepare(DATA.table, resolve(wish(target, **training), DATA.profile))


def test_without_weights_all_rows_count_alike() -> None:
    found = prepared()
    assert found.data.weights is None
    assert found.data.weights_validation is None


def test_balanced_weights_are_scikit_learns_of_the_training_rows() -> None:
    found = prepared(class_weight="balanced", precision="float64")
    labels = np.array(LABELS)[found.split.train]
    names = np.unique(labels)
    expected = compute_class_weight("balanced", classes=names, y=labels)
    by_label = dict(zip(names, expected, strict=True))
    np.testing.assert_allclose(found.data.weights, [by_label[x] for x in labels], rtol=1e-15)
    held_out = [by_label[LABELS[row]] for row in found.split.validation]
    np.testing.assert_allclose(found.data.weights_validation, held_out, rtol=1e-15)


def test_weights_by_label_reach_the_rows_of_that_label() -> None:
    found = prepared(class_weight={"rare": 8.0, "some": 2.0, "many": 0.5})
    by_label = {"rare": 8.0, "some": 2.0, "many": 0.5}
    assert found.data.weights.tolist() == [by_label[LABELS[row]] for row in found.split.train]
    assert found.data.weights.dtype == np.float32


def test_weights_of_rows_stand_beside_their_rows_and_multiply_those_of_classes() -> None:
    alone = prepared("y", sample_weight="w")
    assert alone.data.weights.tolist() == [1 + row % 4 for row in alone.split.train]
    assert alone.data.weights_validation.tolist() == [1 + r % 4 for r in alone.split.validation]
    found = prepared(sample_weight="w", class_weight={"rare": 8.0, "some": 2.0, "many": 0.5})
    by_label = {"rare": 8.0, "some": 2.0, "many": 0.5}
    expected = [(1 + row % 4) * by_label[LABELS[row]] for row in found.split.train]
    assert found.data.weights.tolist() == expected


def test_the_weights_are_no_feature_unless_asked() -> None:
    asked = ModelWish(target="y", training={"sample_weight": "w"}, features=("x", "w"))
    auto = ModelWish(target="y", training={"sample_weight": "w"})
    assert resolve(asked, DATA.profile).features == ("x", "w")
    assert "w" not in resolve(auto, DATA.profile).features
    assert "w" in resolve(ModelWish(target="y"), DATA.profile).features


def repeated(data: Ingested, weights: str) -> Ingested:
    """Every row as often as its weight says."""
    rows = data.table.to_pylist()
    return ingested(
        csv_of("x,y", ((row["x"], row["y"]) for row in rows for _ in range(row[weights])))
    )


def test_a_weight_of_two_is_a_row_twice() -> None:
    training: dict[str, Any] = {
        "optimizer": LbfgsSpec(),
        "epochs": 30,
        "precision": "float64",
    }
    weighted = ModelWish(
        target="y",
        features=("x",),
        network="linear",
        preprocessing="none",
        split={"validation": 0.0},
        training=training | {"sample_weight": "w", "early_stopping": None},
    )
    plain = replace(weighted, training=training | {"early_stopping": None})
    one = coefficients(trained(DATA, weighted).model)
    other = coefficients(trained(repeated(DATA, "w"), plain).model)
    assert one["coefficients"]["x"] == pytest.approx(other["coefficients"]["x"], rel=1e-6)
    assert one["intercept"] == pytest.approx(other["intercept"], rel=1e-6)
    unweighted = coefficients(trained(DATA, plain).model)
    assert one["intercept"] != pytest.approx(unweighted["intercept"], rel=1e-3)


@pytest.mark.parametrize(
    ("target", "weights", "expected"),
    [
        ("y", "balanced", {f"{CLASSES} spec_dataset_mismatch"}),
        ("label", {"rare": 2.0, "many": 1.0}, {f"{CLASSES} class_weight_labels"}),
        ("label", {"rare": 2.0, "many": 1.0, "Some": 1.0}, {f"{CLASSES} class_weight_labels"}),
        ("label", {"rare": 0.0, "many": 0.0, "some": 0.0}, {f"{CLASSES} zero_weights"}),
        ("flag", {"true": 2.0, "false": 1.0}, set()),
        ("flag", {"yes": 2.0, "no": 1.0}, {f"{CLASSES} class_weight_labels"}),
        ("code", {"2": 1.0, "3": 1.0, "7": 2.0}, set()),
        ("code", {"2": 1.0, "3": 1.0}, {f"{CLASSES} class_weight_labels"}),
        ("code", {"2": 1.0, "3": 1.0, "6": 2.0}, {f"{CLASSES} class_weight_labels"}),
    ],
)
def test_every_label_needs_a_weight_and_no_other(
    target: str, weights: Any, expected: set[str]
) -> None:
    assert codes_of(DATA, wish(target, class_weight=weights)) == expected


def test_labels_without_a_weight_are_named_and_names_of_the_request_are_not_repeated() -> None:
    [problem] = problems_of(DATA, wish(class_weight={"rare": 2.0, "many": 1.0, "Some": 1.0}))
    assert 'There is no weight for "some".' in problem.detail
    assert "1 name is not among the target's classes" in problem.detail
    assert "Some" not in problem.detail


def test_long_labels_are_named_in_short() -> None:
    labels = [f"{k}{'x' * 5_000}" for k in range(3)]
    data = ingested(csv_of("x,y", ((i * 0.3, labels[i % 3]) for i in range(60))))
    wrong = ModelWish(target="y", training={"class_weight": {"a": 1.0}})
    [problem] = problems_of(data, wrong)
    assert len(problem.detail) < 1_000


def test_labels_that_the_profile_cannot_tell_are_named_by_the_run() -> None:
    labels = [f"class {k:02}" for k in range(22)]
    data = ingested(csv_of("x,y", ((i * 0.3, labels[i % 22]) for i in range(440))))
    weights = dict.fromkeys([*labels[:-1], "class 99"], 1.0)
    wrong = ModelWish(target="y", training={"class_weight": weights})
    assert codes_of(data, wrong) == set()
    with pytest.raises(TableError) as caught:
        prepare(data.table, resolve(wrong, data.profile))
    assert caught.value.code == "class_weight_labels"
    assert 'There is no weight for "class 21".' in caught.value.detail
    assert "class 99" not in caught.value.detail


@pytest.mark.parametrize(
    ("column", "code"),
    [
        ("nothing", "unknown_column"),
        ("y", "weight_is_target"),
        ("label", "weight_type"),
        ("some", "missing_weight"),
        ("negative", "negative_weight"),
        ("zero", "zero_weights"),
    ],
)
def test_weights_of_rows_are_numbers_that_can_be_summed(column: str, code: str) -> None:
    assert codes_of(DATA, wish("y", sample_weight=column)) == {f"{ROWS} {code}"}


def test_training_rows_that_all_weigh_nothing_are_refused() -> None:
    rows = ((i * 0.3, i * 0.7, int(i >= 40)) for i in range(50))
    data = ingested(csv_of("x,y,w", rows))
    ordered = ModelWish(target="y", split={"method": "ordered"}, training={"sample_weight": "w"})
    with pytest.raises(TableError) as caught:
        prepare(data.table, resolve(ordered, data.profile))
    assert (caught.value.code, caught.value.column) == ("weight_sum", "w")
    assert "40 training rows" in str(caught.value)


def test_validation_rows_that_all_weigh_nothing_are_refused_as_such() -> None:
    rows = ((i * 0.3, i * 0.7, int(i < 40)) for i in range(50))
    data = ingested(csv_of("x,y,w", rows))
    ordered = ModelWish(target="y", split={"method": "ordered"}, training={"sample_weight": "w"})
    with pytest.raises(TableError, match="10 validation rows") as caught:
        prepare(data.table, resolve(ordered, data.profile))
    assert caught.value.column == "w"
