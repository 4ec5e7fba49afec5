"""Every file of the corpus gets its answer, and the answer says where the fault is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.corpus.datasets import DatasetCase, dataset_cases
from workers.tabular.errors import TableError
from workers.tabular.ingest import ingest
from workers.tabular.options import IngestOptions

if TYPE_CHECKING:
    from pathlib import Path

    from workers.tabular.profile import TableProfile

REFUSED = [case for case in dataset_cases() if case.refused]
ACCEPTED = [case for case in dataset_cases() if case.accepted]


def _ingest(case: DatasetCase, folder: Path) -> TableProfile:
    (folder / "upload").write_bytes(case.data)
    plain: dict[str, Any] = {"schema": case.schema, "parse": case.parse, "limits": case.limits}
    return ingest(folder / "upload", IngestOptions.from_plain(plain), folder / "table")


def test_every_case_has_one_answer() -> None:
    assert len(REFUSED) + len(ACCEPTED) == len(dataset_cases())
    assert len({case.id for case in dataset_cases()}) == len(dataset_cases())


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_a_bad_file_is_refused_with_its_code_and_place(case: DatasetCase, tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        _ingest(case, tmp_path)
    expected = {name: value for name, value in case.refused.items() if name != "status"}
    assert {name: caught.value.to_plain()[name] for name in expected} == expected
    assert caught.value.detail
    assert not (tmp_path / "table").exists()


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.id)
def test_an_unusual_file_is_read_as_expected(case: DatasetCase, tmp_path: Path) -> None:
    profile = _ingest(case, tmp_path)
    types = {column.name: column.type for column in profile.columns}
    assert profile.rows == case.accepted["rows"]
    assert profile.format == case.accepted.get("format", profile.format)
    assert types | case.accepted.get("types", {}) == types
    assert {w.code for w in profile.warnings} >= set(case.accepted.get("warnings", []))
