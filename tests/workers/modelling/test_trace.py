"""Rows become the network's inputs as in a run, and a checkpoint's numbers its parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from workers.engine.spec import (
    AdamSpec,
    CosineSchedule,
    DenseSpec,
    EmbeddingSpec,
    NetworkSpec,
    OneCycleSchedule,
    SgdSpec,
)
from workers.engine.training import TrainingState
from workers.modelling.checkpoint_weights import parameters_of
from workers.modelling.codec import CodecError, states_to_bytes, weights_to_bytes
from workers.modelling.estimator import prepare
from workers.modelling.plan import ModelWish, PlanError
from workers.modelling.recipes import resolve
from workers.modelling.trace import Traced, trace
from workers.modelling.trace_rows import TEXT, profile_of, table_like, table_of

if TYPE_CHECKING:
    from workers.modelling.plan import ModelPlan

ROWS: list[dict[str, Any]] = [
    {"size": 1.0, "kind": "a", "big": False, "y": 2.5},
    {"size": 2.0, "kind": "b", "big": False, "y": 3.5},
    {"size": None, "kind": "a", "big": True, "y": 5.0},
    {"size": 6.0, "big": True, "y": 9.0},
]
NETWORK = NetworkSpec(layers=(DenseSpec(units=3, activation="tanh"),))


def _plan(rows: list[dict[str, Any]] | None = None, **wish: Any) -> tuple[ModelPlan, pa.Table]:
    table = table_of(rows or ROWS)
    chosen = {"network": NETWORK, "split": {"validation": 0.0}, **wish}
    return resolve(ModelWish(target="y", **chosen), profile_of(table, ("y",))), table


def test_a_column_has_the_type_of_its_values() -> None:
    table = table_of(ROWS)
    assert [str(field.type) for field in table.schema] == [
        "double", str(TEXT), "bool", "double",
    ]  # fmt: skip
    assert table["kind"].to_pylist() == ["a", "b", "a", None]
    profile = profile_of(table, ("y",))
    assert [column.missing for column in profile.columns] == [1, 1, 0, 0]


def test_a_value_of_another_type_is_told_by_its_place() -> None:
    with pytest.raises(PlanError) as caught:
        table_of([{"x": 1.0}, {"x": "1"}, {"x": True}])
    assert [p.pointer for p in caught.value.problems] == ["/rows/1/x", "/rows/2/x"]


def test_rows_take_the_types_of_a_stored_table() -> None:
    stored = pa.table(
        {
            "count": pa.array([1, 2], pa.int64()),
            "at": pa.array([0, 1], pa.timestamp("us")),
            "code": pa.array(["1", "2"]).dictionary_encode(),
        }
    )
    rows: list[dict[str, Any]] = [
        {"count": 3.0, "at": "2026-01-02", "code": 2},
        {"count": None},
    ]
    table = table_like(rows, stored)
    assert table.schema.types == stored.schema.types
    assert table["code"].to_pylist() == ["2", None]
    assert table["count"].to_pylist() == [3, None]
    with pytest.raises(PlanError) as caught:
        table_like([{"at": 3, "colour": "red"}], stored)
    assert caught.value.problems[0].pointer == "/rows/0/colour"


def test_the_formulas_of_the_inputs_give_their_values() -> None:
    plan, table = _plan()
    found = trace(Traced(plan=plan, table=table, cells=table))
    columns = {column["name"]: place for place, column in enumerate(found["inputs"]["columns"])}
    values = np.array(found["inputs"]["values"])
    formula = found["inputs"]["columns"][columns["size"]]["formula"]
    scaled, _, missing = formula.partition("; ")
    fill = float(missing.removesuffix(" if missing"))
    assert fill == 2.0
    center, scale = (float(part) for part in scaled[len("(size - ") :].split(") / "))
    sizes = [fill if row["size"] is None else row["size"] for row in ROWS]
    expected = [(size - center) / scale for size in sizes]
    assert values[:, columns["size"]] == pytest.approx(expected, abs=1e-5)
    assert values[:, columns["kind=b"]].tolist() == [0.0, 1.0, 0.0, 0.0]
    assert values[:, columns["kind is missing"]].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert values[:, columns["size is missing"]].tolist() == [0.0, 0.0, 1.0, 0.0]


def test_levels_of_an_embedding_are_numbered() -> None:
    network = replace(NETWORK, embeddings=(EmbeddingSpec(column="kind", dimension=2),))
    plan, table = _plan(network=network)
    found = trace(Traced(plan=plan, table=table, cells=table))
    columns = [column["name"] for column in found["inputs"]["columns"]]
    place = columns.index("kind")
    assert [row[place] for row in found["inputs"]["values"]] == [1.0, 2.0, 1.0, 0.0]
    moved = {t["tensor"]: t for t in found["update"]["tensors"]}["embeddings.kind.weight"]
    assert moved["shape"] == [3, 2]


def test_several_members_are_not_taken_apart() -> None:
    plan, table = _plan(network=replace(NETWORK, members=2))
    with pytest.raises(PlanError) as caught:
        trace(Traced(plan=plan, table=table, cells=table))
    assert [(p.pointer, p.code) for p in caught.value.problems] == [
        ("/network/members", "not_traceable")
    ]


def test_targets_are_learned_as_in_a_run() -> None:
    plan, table = _plan(preprocessing="standard")
    found = trace(Traced(plan=plan, table=table, cells=table))
    y = np.array([row["y"] for row in ROWS], float)
    learned = [value for [value] in found["loss"]["targets"]]
    assert learned == pytest.approx(((y - y.mean()) / y.std()).tolist())
    assert [p["truth"] for p in found["predictions"]] == y.tolist()


def test_the_rate_is_that_of_the_first_step_of_the_run() -> None:
    training: dict[str, Any] = {"epochs": 10, "optimizer": SgdSpec(learning_rate=0.1)}
    for schedule, rate in (
        (None, 0.1),
        (CosineSchedule(), 0.1),
        (CosineSchedule(warmup_steps=4), 0.025),
        (OneCycleSchedule(initial_divisor=20.0), 0.005),
    ):
        plan, table = _plan(training=training | {"schedule": schedule})
        found = trace(Traced(plan=plan, table=table, cells=table))
        assert found["update"]["learning_rate"]["value"] == pytest.approx(rate)
        assert found["update"]["numbers"]["lr"] == pytest.approx(rate)


def test_row_weights_count_as_in_a_run() -> None:
    rows = [row | {"w": float(place)} for place, row in enumerate(ROWS)]
    plan, table = _plan(rows, training={"sample_weight": "w"}, features=("size",))
    found = trace(Traced(plan=plan, table=table, cells=table))
    assert found["loss"]["weights"] == [0.0, 1.0, 2.0, 3.0]
    terms = found["loss"]["terms"]
    assert found["loss"]["mean"] == pytest.approx(
        (terms[1] + 2.0 * terms[2] + 3.0 * terms[3]) / 6.0
    )


def test_weights_and_states_hold_the_same_parameters() -> None:
    plan, table = _plan(training={"optimizer": AdamSpec()})
    prepared = prepare(table, plan)
    state = TrainingState.initial(prepared.network, plan.training, seed=9)
    expected = state.parameters.astype(np.float64)
    for checkpoint in (
        weights_to_bytes(prepared.network, state.parameters),
        states_to_bytes([state], prepared.network.layout),
    ):
        assert np.array_equal(parameters_of(checkpoint, prepared.network)[0], expected)
        found = trace(Traced(plan=plan, table=table, cells=table, checkpoint=checkpoint))
        before = found["update"]["tensors"][0]["before"]
        assert before == expected[: len(before)].tolist()
    another, _ = _plan(network=NetworkSpec())
    for checkpoint in (weights_to_bytes(prepared.network, state.parameters), b"rotten"):
        with pytest.raises(CodecError):
            parameters_of(checkpoint, prepare(table, another).network)
        with pytest.raises(PlanError, match="checkpoint_mismatch"):
            trace(Traced(plan=another, table=table, checkpoint=checkpoint))


def test_without_a_choice_the_first_rows_that_train_are_taken() -> None:
    rows = [{"x": float(n), "y": 2.5 * n} for n in range(40)]
    plan, table = _plan(rows, split={"validation": 0.5}, preprocessing="none")
    found = trace(Traced(plan=plan, table=table))
    train = np.sort(prepare(table, plan).split.train)[:8]
    assert [row for [row] in found["inputs"]["values"]] == train.astype(float).tolist()


def test_what_is_odd_is_said() -> None:
    rows = [{"x": float(n), "y": 2.5 * n} for n in range(40)]
    plan, table = _plan(rows, training={"accumulate": 3, "batch_size": 8})
    notes = " ".join(trace(Traced(plan=plan, table=table))["notes"])
    assert "adds up 3 such batches" in notes
    assert "float32" in notes
    assert "dropout" not in notes.lower()
