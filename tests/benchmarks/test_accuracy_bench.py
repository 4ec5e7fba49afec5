"""What the accuracy bench reads, how it divides, and what it says of goals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.accuracy import GOALS, goals
from benchmarks.accuracy_peers import MLPS, PEERS, cells_of
from benchmarks.accuracy_rounds import Score, divisions, ours, peers, score, training_rows
from benchmarks.accuracy_tables import Table, shipped_tables, tables_in

if TYPE_CHECKING:
    from pathlib import Path


def folder_with(folder: Path, n_rows: int = 60) -> Path:
    """One card: a number, a category with missing cells, a leak to drop, the target."""
    rows = [f"{i},{'ab'[i % 2] if i % 7 else ''},{i % 2},{i * 2 + (i % 2)}" for i in range(n_rows)]
    (folder / "t.csv").write_text("\n".join(["x,word,leak,y", *rows, "1,a,0,"]) + "\n")
    card = {"file": "t.csv", "target": "y", "task": "regression"}
    more = {"categorical_columns": ["word"], "drop_columns": ["leak"]}
    (folder / "t.json").write_text(json.dumps(card | more))
    return folder


def test_a_card_says_what_is_read(tmp_path: Path) -> None:
    [table] = tables_in(folder_with(tmp_path))
    assert (table.features, table.targets) == (("x", "word"), ("y",))
    assert set(table.words) == {"word"}
    assert len(table.rows) == 60  # the row without a target is not among them


def test_a_folder_without_cards_is_no_empty_table(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(tables_in(tmp_path))


def test_every_row_of_a_small_table_judges_once(tmp_path: Path) -> None:
    [table] = tables_in(folder_with(tmp_path))
    pairs = list(divisions(table))
    assert len(pairs) == 5
    assert sorted(row for _, judging in pairs for row in judging.rows) == sorted(table.rows)
    assert all(not {*training.rows} & {*judging.rows} for training, judging in pairs)


def test_a_large_table_is_divided_once_and_its_training_rows_are_those(tmp_path: Path) -> None:
    [table] = tables_in(folder_with(tmp_path, 2_500))
    [(training, judging)] = divisions(table)
    assert (len(training.rows), len(judging.rows)) == (2_000, 500)
    assert training_rows(table).rows == training.rows


def test_all_models_answer_a_table_with_missing_cells(tmp_path: Path) -> None:
    [table] = tables_in(folder_with(tmp_path))
    found = {name: score(table, peers(name)).value for name in PEERS}
    assert found["linear"] > 0.9 > found["constant"]
    assert score(table, ours("linear", 0)).value > 0.9
    assert cells_of(table)[0].tolist() == [0.0, None]


def test_labels_are_compared_as_the_file_has_them() -> None:
    iris = next(table for table in shipped_tables() if table.name == "iris")
    few = iris.of(np.arange(0, 150, 5))
    assert score(few, ours("linear", 0)).value > 0.6
    assert set(few.truth()) == {"0", "1", "2"}


@pytest.mark.parametrize("labels", [("-1.0", "1.0"), ("False", "True"), ("01", "02")])
def test_labels_of_any_spelling_are_compared(labels: tuple[str, str]) -> None:
    rows = tuple((str(i), labels[i >= 30]) for i in range(60))
    table = Table("t", ("x", "y"), rows, ("y",), "binary", frozenset(), frozenset())
    assert score(table, ours("linear", 0)).value > 0.9


def test_goals_are_met_or_missed() -> None:
    def scores(auto: float, mlp: float, cpu_s: float) -> dict[str, Score]:
        names = dict.fromkeys(MLPS, Score(mlp, 1.0, 0.0))
        return {"auto": Score(auto, cpu_s, 0.0)} | names

    found = {"mpg": scores(0.9, 0.8, 1.0), "adult16k": scores(0.8, 0.85, 11.0)}
    said = {row[0]: row[-1] for row in goals(found, {"mpg": 392, "adult16k": 16_281})}
    assert said == {
        "adult16k: the better MLP": "MISSED",
        "mean of 1 smaller: the better MLP": "met",
        "adult16k": "MISSED",
        "mpg": "met",
        "mpg: seconds of a fit": "met",
        "adult16k: seconds of a fit": "MISSED",
    }
    assert {"mpg", "adult16k"} <= GOALS.keys()


def test_rows_of_a_table_keep_their_order() -> None:
    rows = (("1", "a"), ("2", "b"), ("3", "c"))
    table = Table("t", ("x", "y"), rows, ("y",), "multiclass", frozenset(), frozenset())
    assert table.of([2, 0]).rows == (rows[2], rows[0])
