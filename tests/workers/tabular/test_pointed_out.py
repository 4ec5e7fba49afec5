"""What its owner sees of a column that was nearly read otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from workers.tabular.ingest import ingest
from workers.tabular.options import IngestOptions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from workers.tabular.profile import TableProfile


def _profile(folder: Path, text: str, **options: Any) -> TableProfile:
    (folder / "upload").write_text(text, encoding="utf-8")
    return ingest(folder / "upload", IngestOptions.from_plain(options), folder / "table")


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("0000-00-00", "1 of 301 cells are no days of the calendar, first in row 301"),
        ("2021-02-30", "1 of 301 cells are no days of the calendar, first in row 301"),
        ("n/d", "1 of 301 cells are no days of the calendar, first in row 301"),
    ],
)
def test_what_keeps_a_column_from_being_dates_is_pointed_out(
    tmp_path: Path, odd: str, said: str
) -> None:
    days = [f"20{i // 28:02}-03-{i % 28 + 1:02}" for i in range(300)]
    profile = _profile(tmp_path, "\n".join(["x,y", *(f"{cell},a" for cell in [*days, odd])]))
    warning = profile.warnings[0]
    assert (warning.code, warning.column) == ("mixed_dates", "x")
    assert warning.detail.startswith(said)


def test_dates_with_an_advice_that_helps(tmp_path: Path) -> None:
    def advice(cells: list[str]) -> str:
        profile = _profile(tmp_path, "\n".join(["x,y", *(f"{cell},a" for cell in cells)]))
        return next(w.detail for w in profile.warnings if w.code == "unread_dates")

    assert "say `dates`" in advice(["05/01/2024", "05/02/2024 10:30"])
    assert "say `dates`" not in advice(["05/13/24", "05/14/24"])
    assert "say `dates`" not in advice(["05/13/2024 04:30 PM", "05/14/2024 04:30 PM"])


def test_whole_numbers_too_large_to_be_exact_are_pointed_out(tmp_path: Path) -> None:
    def warnings(cells: list[str]) -> list[str]:
        profile = _profile(tmp_path, "\n".join(["x,y", *(f"{cell},a" for cell in cells)]))
        return [w.code for w in profile.warnings if w.column == "x"]

    assert warnings(["1234567890123456701", "1234567890123456702"]) == ["rounded_numbers"]
    assert warnings(["-1234567890123456701", "5"]) == ["rounded_numbers"]
    assert warnings(["9007199254740991", "5"]) == []
    assert warnings(["6.02e23", "1e300"]) == []


LOST: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "a level of CSV": ("y,x\nSevere,1\nMild,2\nNone,3\n", {}, ["y"]),
    "one of JSON": ('[{"y":"a","x":1},{"y":"None","x":2},{"y":"NA","x":3}]', {}, ["y"]),
    "what numbers use too": ("y,x\nSevere,1\nMild,NA\nNA,3\n", {}, []),
    "an empty cell": ("y,x\nSevere,1\nMild,2\n,3\n", {}, []),
    "what the owner said": ("y,x\nSevere,1\nMild,2\nNone,3\n", {"y": {"missing": []}}, []),
    "what the owner said is missing": ("y,x\na,1\nb,2\nNone,3\n", {"y": {"missing": ["None"]}}, []),
    "a column of numbers": ("y,x\n1,a\nNA,b\n3,c\n", {}, []),
}


@pytest.mark.parametrize(("text", "schema", "columns"), LOST.values(), ids=LOST)
def test_words_that_may_be_levels_are_pointed_out_where_they_are_missing(
    tmp_path: Path, text: str, schema: dict[str, Any], columns: list[str]
) -> None:
    found = _profile(tmp_path, text, schema=schema).warnings
    assert [w.column for w in found if w.code == "missing_words"] == columns


@pytest.mark.parametrize(
    ("values", "is_pointed_out"),
    [
        (range(5, 40), True),
        ([n * 17 % 101 for n in range(101)], True),
        (range(1000, 1300, 3), True),
        ([*range(40), 41], False),
        ([n // 2 for n in range(80)], False),
        ([7] * 30, False),
    ],
)
def test_numbers_that_may_only_number_the_rows_are_pointed_out(
    tmp_path: Path, values: Iterable[int], is_pointed_out: bool
) -> None:
    profile = _profile(tmp_path, "\n".join(["n,m", *(f"{n},{n % 7 / 3}" for n in values)]))
    assert ("id_like" in [w.code for w in profile.warnings if w.column == "n"]) == is_pointed_out
    assert profile.columns[0].type == "numeric"
