"""The embedded broker: which binary, behind which socket, keeping what."""

from __future__ import annotations

import signal
import stat
from typing import TYPE_CHECKING

import pytest
import redis

from service.broker_server import (
    BrokerError,
    answers,
    find_server,
    make_socket_dir,
    server_command,
)
from tests.servers.processes import Server

if TYPE_CHECKING:
    from pathlib import Path


def start(tmp_path: Path) -> Server:
    unix_socket = tmp_path / "run" / "broker.sock"
    make_socket_dir(unix_socket)
    command = server_command(find_server({"PATH": ""}), unix_socket, tmp_path)
    server = Server(command, tmp_path / "log")
    server.wait_until(lambda: answers(unix_socket))
    return server


def test_a_server_on_the_path_is_preferred_to_the_one_of_the_wheel(tmp_path: Path) -> None:
    assert find_server({"PATH": str(tmp_path)}).name == "valkey-server"
    installed = tmp_path / "redis-server"
    installed.touch(mode=0o755)
    assert find_server({"PATH": str(tmp_path)}) == installed


def test_the_broker_keeps_its_bells_through_kill_9(tmp_path: Path) -> None:
    unix_socket = tmp_path / "run" / "broker.sock"
    server = start(tmp_path)
    with redis.Redis(unix_socket_path=str(unix_socket)) as client:
        client.rpush("bells", "run_x")
    server.end(signal.SIGKILL)
    assert not answers(unix_socket)
    server = start(tmp_path)
    with redis.Redis(unix_socket_path=str(unix_socket)) as client:
        assert client.lrange("bells", 0, -1) == [b"run_x"]
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("port") == {"port": "0"}
    server.end()


def test_the_socket_is_its_owners_alone(tmp_path: Path) -> None:
    unix_socket = tmp_path / "run" / "broker.sock"
    server = start(tmp_path)
    assert unix_socket.stat().st_mode & 0o077 == 0
    assert unix_socket.parent.stat().st_mode & 0o077 == 0
    server.end()


def test_a_socket_folder_that_is_somebodys_trap_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "real")
    with pytest.raises(BrokerError, match="run"):
        make_socket_dir(tmp_path / "run" / "broker.sock")


def test_a_socket_that_a_killed_broker_left_is_in_nobodys_way(tmp_path: Path) -> None:
    server = start(tmp_path)
    server.end(signal.SIGKILL)
    assert stat.S_ISSOCK((tmp_path / "run" / "broker.sock").stat().st_mode)
    start(tmp_path).end()
