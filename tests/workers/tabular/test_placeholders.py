"""Words that stand for missing numbers are told from words that say something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workers.tabular.csv_rows import prediction_rows
from workers.tabular.ingest import ingest
from workers.tabular.options import ColumnWish, IngestOptions, Limits
from workers.tabular.parquet import read_table, stored_reading

if TYPE_CHECKING:
    from pathlib import Path

    from workers.tabular.profile import TableProfile

PRICES = [f"{n}.25" for n in range(40)]


AS_IT_IS = IngestOptions()


def profile_of(folder: Path, cells: list[str], options: IngestOptions = AS_IT_IS) -> TableProfile:
    source = folder / "in.csv"
    source.write_text("x,y\n" + "".join(f'"{cell}",{n}\n' for n, cell in enumerate(cells)))
    return ingest(source, options, folder / "out.parquet")


@pytest.mark.parametrize("words", [["k.A.", "k.A."], ["tbd", "tbd", "sold", "sold"], ["--"] * 10])
def test_repeated_words_among_numbers_are_missing_cells(tmp_path: Path, words: list[str]) -> None:
    profile = profile_of(tmp_path, [*PRICES, *words])
    x = profile.columns[0]
    assert (x.type, x.missing, x.distinct) == ("numeric", len(words), 40)
    [warning] = [w for w in profile.warnings if w.column == "x"]
    assert warning.code == "missing_words"
    assert all(f'"{word}"' in warning.detail for word in words)
    column = read_table((tmp_path / "out.parquet").read_bytes())["x"]
    assert column.to_pylist() == [*map(float, PRICES), *[None] * len(words)]


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param([*PRICES, "k.A."], id="a word that stands once is a slip"),
        pytest.param([*PRICES, "<5", "<5"], id="a bound says something"),
        pytest.param([*PRICES, *"aabbccdd"], id="four words are levels"),
        pytest.param([*PRICES, *["none"] * 11], id="more than a fifth"),
        pytest.param(["1", "2", "3"] * 9 + ["unknown"] * 3, id="three levels and a fourth"),
        pytest.param([f"0{n}" for n in range(10, 50)] + ["k.A."] * 2, id="codes"),
    ],
)
def test_words_that_say_something_stay(tmp_path: Path, cells: list[str]) -> None:
    profile = profile_of(tmp_path, cells)
    assert profile.columns[0].type in ("categorical", "text")
    assert profile.columns[0].missing == 0
    assert "missing_words" not in {warning.code for warning in profile.warnings}


def test_a_later_block_with_other_words_makes_it_text_again_with_every_word(tmp_path: Path) -> None:
    cells = [*PRICES, "k.A.", "k.A."] * 200 + ["see invoice"]
    profile = profile_of(tmp_path, cells, IngestOptions(limits=Limits(block_bytes=4096)))
    assert profile.columns[0].type == "categorical"
    assert profile.columns[0].missing == 0
    assert "missing_words" not in {warning.code for warning in profile.warnings}
    assert read_table((tmp_path / "out.parquet").read_bytes())["x"].to_pylist() == cells


@pytest.mark.parametrize("wish", [ColumnWish(type="categorical"), ColumnWish(missing=())])
def test_what_the_owner_says_of_the_column_stands(tmp_path: Path, wish: ColumnWish) -> None:
    options = IngestOptions(schema={"x": wish})
    profile = profile_of(tmp_path, [*PRICES, "k.A.", "k.A."], options)
    assert profile.columns[0].type in ("categorical", "text")
    assert profile.columns[0].missing == 0


def test_rows_to_predict_are_read_with_the_same_words(tmp_path: Path) -> None:
    profile_of(tmp_path, [*PRICES, "k.A.", "k.A."])
    reading = stored_reading((tmp_path / "out.parquet").read_bytes())
    columns = prediction_rows(b"x\n1.5\nk.A.\n\nNA\n", IngestOptions.from_plain(reading))
    assert columns["x"] == ["1.5", None, None, None]
