from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.workers.modelling.tables import PENGUINS, Trained, codes_of, csv_of, ingested, trained
from workers.engine.spec import DenseSpec, EmbeddingSpec, NetworkSpec
from workers.modelling.estimator import prepare
from workers.modelling.evaluation import report
from workers.modelling.plan import ModelWish
from workers.modelling.planned_inputs import planned_network
from workers.modelling.recipes import resolve

DATA = ingested(PENGUINS)
PLACES = ("Lyon", "Oslo", "Rome", "Bonn", "Turin")
HEIGHTS = {"Lyon": 1.0, "Oslo": -2.0, "Rome": 4.0, "Bonn": 0.5, "Turin": -6.0}
TOWNS = ingested(
    csv_of(
        "town,open,x,y",
        (
            (town, ("true", "false")[i % 2], f"{i / 300:.4f}", f"{HEIGHTS[town] + i / 300:.4f}")
            for i in range(300)
            for town in (PLACES[i % 5],)
        ),
    )
)


def network(*columns: str, dimension: int = 2) -> NetworkSpec:
    embeddings = tuple(EmbeddingSpec(column=column, dimension=dimension) for column in columns)
    return NetworkSpec(layers=(DenseSpec(units=8),), embeddings=embeddings)


@pytest.fixture(scope="module")
def towns() -> Trained:
    training: dict[str, Any] = {"epochs": 200}
    return trained(TOWNS, ModelWish(target="y", network=network("town", "open"), training=training))


def test_a_level_is_told_by_its_vector(towns: Trained) -> None:
    assert report(towns.model, towns.prepared)["validation"]["r2"] > 0.95
    rows = [{"town": town, "open": True, "x": 0.5} for town in PLACES]
    values = towns.model.predict_rows(rows).values
    assert values is not None
    assert sorted(PLACES, key=HEIGHTS.__getitem__) == [PLACES[i] for i in np.argsort(values)]


def test_levels_are_counted_from_one_in_their_order(towns: Trained) -> None:
    prepared = towns.prepared
    assert prepared.preprocessing.outputs == ("town", "open", "x")
    rows = prepared.split.train
    names = TOWNS.table["town"].take(rows).to_pylist()
    numbers = {name: number for number, name in enumerate(sorted(PLACES), start=1)}
    assert prepared.data.X[:, 0].tolist() == [numbers[str(name)] for name in names]
    truth = TOWNS.table["open"].take(rows).to_pylist()
    assert prepared.data.X[:, 1].tolist() == [1 + bool(value) for value in truth]
    shapes = prepared.network.layout.shapes
    assert shapes["embeddings.town.weight"] == (6, 2)
    assert shapes["embeddings.open.weight"] == (3, 2)


def test_a_level_that_was_not_seen_and_a_missing_one_stand_at_zero_and_are_warned_of(
    towns: Trained,
) -> None:
    unseen = towns.model.predict_rows([{"town": "Paris", "open": True, "x": 0.5}])
    missing = towns.model.predict_rows([{"town": None, "open": True, "x": 0.5}])
    assert unseen.values is not None
    assert missing.values is not None
    assert unseen.values.tobytes() == missing.values.tobytes()
    assert [(w.column, w.code, w.used) for w in unseen.warnings] == [
        ("town", "unseen_category", None)
    ]
    assert [(w.column, w.code, w.used) for w in missing.warnings] == [("town", "imputed", None)]


def test_a_missing_level_that_training_knew_is_nothing_to_warn_of() -> None:
    wish = ModelWish(target="species", network=network("sex"), training={"epochs": 2})
    model = trained(DATA, wish).model
    [row] = DATA.table.select([f.name for f in model.features]).slice(0, 1).to_pylist()
    warnings = model.predict_rows([row | {"sex": None}]).warnings
    assert [w for w in warnings if w.column == "sex"] == []


def test_truth_values_are_read_as_they_stood_in_the_table(towns: Trained) -> None:
    from_json = towns.model.predict_rows([{"town": "Rome", "open": False, "x": 0.5}])
    from_text = towns.model.predict_columns({"town": ["Rome"], "open": ["no"], "x": ["0.5"]})
    assert from_json.values is not None
    assert from_text.values is not None
    assert from_json.values.tobytes() == from_text.values.tobytes()
    assert {f.name: f.type for f in towns.model.features}["open"] == "boolean"


def test_a_row_has_the_same_answer_alone_and_in_company(towns: Trained) -> None:
    rows = TOWNS.table.select(["town", "open", "x"]).to_pylist()
    together = towns.model.predict_rows(rows).values
    assert together is not None
    for place in range(0, 300, 37):
        alone = towns.model.predict_rows([rows[place]]).values
        assert alone is not None
        assert alone[0] == together[place]


def test_levels_are_learned_from_the_training_rows_alone() -> None:
    rows = [("new" if i >= 40 else "ab"[i % 2], i * 0.5, i % 9) for i in range(50)]
    data = ingested(csv_of("c,x,y", rows))
    wish = ModelWish(target="x", network=network("c"), split={"method": "ordered"})
    prepared = prepare(data.table, resolve(wish, data.profile))
    assert prepared.preprocessing.levels["c"].count == 3
    assert prepared.validation is not None
    assert set(prepared.validation.X[:, 0].tolist()) == {0.0}


def test_without_preprocessing_a_category_can_be_embedded() -> None:
    plain = ModelWish(target="y", preprocessing="none", features=("town", "x"))
    assert codes_of(TOWNS, plain) == {"/features/0 feature_type"}
    embedded = ModelWish(
        target="y", preprocessing="none", features=("town", "x"), network=network("town")
    )
    assert codes_of(TOWNS, embedded) == set()
    prepared = prepare(TOWNS.table, resolve(embedded, TOWNS.profile))
    assert prepared.preprocessing.outputs == ("town", "x")


def test_what_cannot_be_embedded_is_named_by_its_place() -> None:
    wish = ModelWish(
        target="species",
        features=("island", "bill_length_mm"),
        network=network("island", "bill_length_mm", "nothing", "sex", "island"),
    )
    assert codes_of(DATA, wish) == {
        "/network/embeddings/1/column feature_type",
        "/network/embeddings/2/column unknown_column",
        "/network/embeddings/3/column not_a_feature",
        "/network/embeddings/4/column duplicate_embedding",
    }


def test_the_planned_network_is_the_trained_one_where_every_level_trains() -> None:
    wish = ModelWish(target="y", network=network("town", "open"), split={"validation": 0.0})
    plan = resolve(wish, TOWNS.profile)
    assert planned_network(plan, TOWNS.profile) == prepare(TOWNS.table, plan).network


def test_a_column_of_many_levels_keeps_them_all() -> None:
    names = [f"level {i % 250:03}" for i in range(500)]
    data = ingested(csv_of("c,x,y", ((name, i, i * 0.3) for i, name in enumerate(names))))
    wish = ModelWish(target="y", network=network("c"), split={"validation": 0.0})
    prepared = prepare(data.table, resolve(wish, data.profile))
    assert prepared.data.X[:, 0].max() == 250.0
