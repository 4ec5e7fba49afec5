"""A window of rows is bounded by its cells: a wide table answers with fewer rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.service.api.conftest import make_api

if TYPE_CHECKING:
    from pathlib import Path

CELLS = 120


def test_a_wide_table_is_read_in_smaller_windows_to_its_end(
    tmp_path: Path, sqlite_template: Path
) -> None:
    api = make_api(tmp_path, sqlite_template, rows_cells=CELLS)
    names = [f"c{number}" for number in range(50)]
    lines = [",".join(names), *(",".join([str(row)] * 50) for row in range(5))]
    with api.client() as client:
        dataset = client.post("/v1/datasets", files={"file": ("wide.csv", "\n".join(lines))})
        path = f"/v1/datasets/{dataset.json()['id']}/rows"
        seen: list[int] = []
        while len(seen) < 5:
            window = client.get(path, params={"offset": len(seen), "limit": 500}).json()
            assert 0 < len(window["rows"]) * len(names) <= CELLS
            assert window["total"] == 5
            seen += [row["c0"] for row in window["rows"]]
    assert seen == list(range(5))
    api.sessions.dispose()
