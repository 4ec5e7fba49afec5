"""A specification of the preprocessing on a table: what fits, how wide it is, what it learns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.workers.modelling.tables import Trained, codes_of, csv_of, ingested, trained
from workers.engine.spec import DenseSpec, EmbeddingSpec, NetworkSpec
from workers.modelling.codec import model_from_bytes, model_to_bytes
from workers.modelling.coefficients import coefficients
from workers.modelling.findings import Findings
from workers.modelling.plan import ModelWish
from workers.modelling.planned_inputs import planned_network
from workers.modelling.preprocessing_checks import check_preprocessing
from workers.modelling.recipes import resolve
from workers.modelling.trace_columns import input_columns
from workers.tabular.spec import (
    CategoricalSpec,
    ColumnSpec,
    DatetimeSpec,
    NumericSpec,
    PreprocessingSpec,
)

RNG = np.random.default_rng(2)
ROWS = [
    (
        round(float(RNG.normal()), 4) if row % 9 else None,
        round(float(np.exp(RNG.normal(0, 2))), 4),
        f"level {int(RNG.integers(0, 12))}" if row % 7 else None,
        "yes" if row % 3 else "no",
        f"2024-{1 + row % 12:02}-{1 + row % 28:02}T{row % 24:02}:00:00",
        f"2025-{1 + row % 7:02}-{1 + row % 19:02}",
        round(float(RNG.normal(40, 9)), 3),
    )
    for row in range(240)
]
DATA = ingested(csv_of("x,price,kind,flag,begun,ended,y", ROWS))
EVERYTHING = PreprocessingSpec(
    numeric=NumericSpec(scaling="robust", clip=True, encoding="piecewise_linear", bins=6),
    categorical=CategoricalSpec(min_count=15),
    datetime=DatetimeSpec(parts=("year", "month", "day_of_week", "hour"), differences=True),
    columns={"price": ColumnSpec(scaling="quantile", encoding="none")},
)
EMBEDDED = NetworkSpec(
    layers=(DenseSpec(units=4),), embeddings=(EmbeddingSpec(column="kind", dimension=2),)
)


def wish(preprocessing: Any = EVERYTHING, **more: Any) -> ModelWish:
    training = {"epochs": 2, "early_stopping": None}
    return ModelWish(target="y", preprocessing=preprocessing, **{"training": training, **more})


@pytest.fixture(scope="module")
def end() -> Trained:
    return trained(DATA, wish())


@pytest.mark.parametrize("network", ["mlp", EMBEDDED], ids=["one-hot", "embedded"])
def test_a_plan_is_as_wide_as_its_model_at_least_and_not_much_wider(network: Any) -> None:
    plan = resolve(wish(network=network), DATA.profile)
    planned = planned_network(plan, DATA.profile)
    model = trained(DATA, wish(network=network)).model
    assert model.network.n_parameters <= planned.n_parameters
    assert planned.n_inputs - model.network.n_inputs <= 12  # levels merged, parts that are alike


def test_without_rare_levels_the_width_is_exact() -> None:
    spec = PreprocessingSpec(
        numeric=NumericSpec(encoding="piecewise_linear", bins=4),
        datetime=DatetimeSpec(parts=("month",), differences=True),
    )
    plan = resolve(wish(spec), DATA.profile)
    network = trained(DATA, wish(spec)).model.network
    assert planned_network(plan, DATA.profile).n_inputs == network.n_inputs


def test_a_model_predicts_the_same_bits_in_any_company_and_when_read_back(end: Trained) -> None:
    names = [feature.name for feature in end.model.features]
    rows = [
        {name: None if value is None else _cell(value) for name, value in row.items()}
        for row in DATA.table.select(names).to_pylist()[:40]
    ]
    rows += [dict.fromkeys(names), rows[1] | {"kind": "never seen", "price": 1e300}]
    together = end.model.predict_rows(rows)
    again = model_from_bytes(model_to_bytes(end.model)).predict_rows(rows)
    assert again.warnings == together.warnings
    assert {w.code for w in together.warnings} == {"imputed", "unseen_category", "out_of_range"}
    assert again.values is not None
    assert together.values is not None
    assert again.values.tobytes() == together.values.tobytes()
    alone = [end.model.predict_rows([row]).values for row in rows]
    assert np.concatenate(alone).tobytes() == together.values.tobytes()  # type: ignore[arg-type]
    assert np.isfinite(together.values).all()


def _cell(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def test_every_input_has_a_formula(end: Trained) -> None:
    columns = input_columns(end.prepared.preprocessing)
    assert [column["name"] for column in columns] == list(end.prepared.preprocessing.outputs)
    formulas = {column["name"]: column["formula"] for column in columns}
    assert "quantiles" in formulas["price"]
    assert "sqrt" in formulas["x"]
    assert "within 0 and 1" in formulas["x bin 1"]
    assert "sine" in formulas["begun month (sine)"]
    assert "days from begun to ended" in formulas["days from begun to ended"]


def test_only_straight_lines_have_coefficients() -> None:
    robust = PreprocessingSpec(numeric=NumericSpec(scaling="robust"))
    features = ("x", "price")
    straight = trained(DATA, wish(robust, network="linear", features=features))
    bent = PreprocessingSpec(numeric=NumericSpec(clip=True))
    refused = _report(trained(DATA, wish(bent, network="linear", features=features)))
    assert refused["coefficients"] is None
    assert refused["coefficients_reason"]
    found = _report(straight)
    row = {"x": 0.5, "price": 2.0}
    expected = found["intercept"] + sum(found["coefficients"][name] * row[name] for name in row)
    values = straight.model.predict_rows([row]).values
    assert values is not None
    assert float(values[0]) == pytest.approx(expected, rel=1e-4)


def _report(end: Trained) -> dict[str, Any]:
    from_model: dict[str, Any] = coefficients(end.model)
    return from_model


def test_the_target_is_standardised_but_without_preprocessing(end: Trained) -> None:
    assert end.prepared.plan.standardises_target


def test_columns_of_their_own_must_be_there_and_of_the_type() -> None:
    columns = {
        "a/b": ColumnSpec(clip=True),
        "kind": ColumnSpec(scaling="robust", min_count=3),
        "flag": ColumnSpec(bins=9),
        "x": ColumnSpec(parts=("month",), clip=True),
    }
    assert codes_of(DATA, wish(PreprocessingSpec(columns=columns))) == {
        "/preprocessing/columns/a~1b unknown_column",
        "/preprocessing/columns/kind/scaling feature_type",
        "/preprocessing/columns/flag/bins feature_type",
        "/preprocessing/columns/x/parts feature_type",
    }


def test_a_column_that_is_not_read_needs_none() -> None:
    spec = PreprocessingSpec(columns={"price": ColumnSpec(clip=True)})
    plan = resolve(wish(spec, features=("x",)), DATA.profile)
    assert [(w.code, w.column) for w in plan.warnings if w.code == "no_effect"] == [
        ("no_effect", "price")
    ]


@pytest.mark.parametrize(("n_columns", "codes"), [(1_000, []), (1_001, ["too_many_quantiles"])])
def test_a_model_holds_no_more_quantiles_than_it_can_be_read_with(
    n_columns: int, codes: list[str]
) -> None:
    price = DATA.profile.column("price")
    assert price is not None
    features = [replace(price, name=f"c{place}") for place in range(n_columns)]
    profile = replace(DATA.profile, rows=5_000, columns=tuple(features))
    findings = Findings()
    spec = PreprocessingSpec(numeric=NumericSpec(scaling="quantile"))
    check_preprocessing(spec, wish(spec), features, profile, findings)
    assert [problem.code for problem in findings.problems] == codes


def test_differences_are_of_few_columns() -> None:
    begun = DATA.profile.column("begun")
    assert begun is not None
    features = [replace(begun, name=f"c{place}") for place in range(17)]
    findings = Findings()
    spec = PreprocessingSpec(datetime=DatetimeSpec(differences=True))
    check_preprocessing(spec, wish(spec), features, DATA.profile, findings)
    assert [(p.pointer, p.limit) for p in findings.problems] == [
        ("/preprocessing/datetime/differences", 16)
    ]
