"""`docs/reliability.md` tells the truth: its tables are those of the code and of the tests."""

import re
from itertools import product
from pathlib import Path

from service.settings import Limits, Settings
from service.usecases.moves import ARROWS
from tests.deployment.compose import topology
from tests.faults.matrix import BOTH, ROWS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TEXT = (ROOT / "docs" / "reliability.md").read_text()


def table_below(heading: str) -> list[list[str]]:
    """Return the cells of the rows of the first table whose head begins so."""
    after = TEXT[TEXT.index(heading) :].splitlines()[2:]
    rows = after[: next(i for i, line in enumerate([*after, ""]) if not line.startswith("|"))]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_readme_leads_to_it() -> None:
    assert "(docs/reliability.md)" in README


def test_its_fault_matrix_is_that_of_the_tests() -> None:
    expected = [
        [
            str(row.number),
            row.fault,
            row.holds,
            *("✓" if database in row.databases else row.why_not_both for database in BOTH),
        ]
        for row in ROWS
    ]
    assert table_below("| # | fault |") == expected


def test_its_state_table_has_every_arrow_and_no_other() -> None:
    told = {
        arrow
        for sources, targets, _ in table_below("| from | to | by |")
        for arrow in product(re.findall("`(.*?)`", sources), re.findall("`(.*?)`", targets))
    }
    assert told == {(source, target) for source, targets in ARROWS.items() for target in targets}


def test_it_names_no_setting_that_does_not_exist() -> None:
    known = {f"SLOPE_{name}".upper() for name in Settings.model_fields}
    known |= {f"SLOPE_LIMIT_{name}".upper() for name in Limits.model_fields}
    assert set(re.findall(r"SLOPE_[A-Z_]+", TEXT)) - known == set()


def test_the_times_to_end_are_those_of_the_compose_file() -> None:
    services = topology()["services"]
    for name, told in (
        ("worker", "45 for workers with a grace of 75 s"),
        ("api", "20 for the API"),
    ):
        assert f"{services[name]['environment']['SLOPE_SHUTDOWN_SECONDS']} for" in told
        assert told in TEXT.replace("\n", " ")


def test_every_file_that_it_names_is_there() -> None:
    named = re.findall(r"`((?:tests|service|docs)/[\w/.]+\.py)`", TEXT)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
