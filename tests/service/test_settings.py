"""Settings: read once, checked, and never ignored without a word."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from service.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from pathlib import Path

# What sun_path holds on Linux (unix(7)), less its closing NUL.
LONGEST_SOCKET_PATH = 107


def settings(**environ: str) -> Settings:
    return load_settings(environ)[0]


def test_a_misspelt_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="SLOPE_PROT"):
        settings(SLOPE_PROT="8000")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLOPE_PORT", "65536"),
        ("SLOPE_PORT", "http"),
        ("SLOPE_LEASE_SECONDS", "0"),
        ("SLOPE_WORKER_PROCESSES", "0"),
        ("SLOPE_AUTH", "none"),
        ("SLOPE_LIMIT_PAGE_SIZE", "many"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load_settings({name: value})


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"SLOPE_HOST": "0.0.0.0"},  # noqa: S104 - what must be refused
        {"SLOPE_DATABASE_URL": "postgresql://slope@db/slope"},
        {"SLOPE_REDIS_URL": "redis://broker:6379/0"},
    ],
)
def test_keys_are_not_switched_off_where_others_can_reach(elsewhere: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="SLOPE_AUTH"):
        load_settings({"SLOPE_AUTH": "off", **elsewhere})


def test_keys_may_be_switched_off_on_loopback() -> None:
    assert settings(SLOPE_AUTH="off", SLOPE_HOST="::1").auth == "off"


def test_postgresql_is_reached_by_the_driver_we_ship() -> None:
    url = settings(SLOPE_DATABASE_URL="postgres://slope@db/slope").resolved_database_url
    assert url == "postgresql+psycopg://slope@db/slope"


@pytest.mark.parametrize("depth", [1, 60, 200])
def test_the_broker_socket_can_be_bound_however_deep_the_folders_are(
    depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("t" * depth)))
    socket = settings(SLOPE_STATE_DIR=str(tmp_path / ("s" * depth))).broker_socket
    assert len(str(socket)) <= LONGEST_SOCKET_PATH


def test_deep_state_folders_do_not_share_a_socket() -> None:
    sockets = {settings(SLOPE_STATE_DIR=f"/{'s' * 120}/{name}").broker_socket for name in "ab"}
    assert len(sockets) == 2
