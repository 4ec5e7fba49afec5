"""The README tells the truth: it names what exists, and what it names exists."""

import re
from pathlib import Path

import pytest

from service.settings import Limits, Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_readme_names_every_setting_with_its_default() -> None:
    missing = []
    for prefix, fields in (
        ("SLOPE_", Settings.model_fields),
        ("SLOPE_LIMIT_", Limits.model_fields),
    ):
        for name, field in fields.items():
            row = re.search(rf"^\| `{prefix}{name.upper()}` \| (.*?) \|", README, re.MULTILINE)
            if row is None or (
                field.default is not None and str(field.default) not in row.group(1)
            ):
                missing.append(f"{prefix}{name.upper()} ({field.default})")
    assert missing == []


def test_the_readme_names_no_setting_that_does_not_exist() -> None:
    known = {f"SLOPE_{name}".upper() for name in Settings.model_fields}
    known |= {f"SLOPE_LIMIT_{name}".upper() for name in Limits.model_fields}
    known |= {"SLOPE_URL", "SLOPE_API_KEY", "SLOPE_PUBLISH", "SLOPE_LIMIT_"}
    assert set(re.findall(r"SLOPE_[A-Z_]+", README)) - known == set()


@pytest.mark.parametrize(
    "target",
    re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE),
)
def test_the_readme_names_every_make_target(target: str) -> None:
    assert f"make {target}" in README
