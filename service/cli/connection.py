"""Where the service is, with which key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from service.client import Client
from service.client.transport import is_loopback
from service.settings import SettingsError, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY_FILE = "api-key"


@dataclass(frozen=True)
class Connection:
    """The address and the key that every command uses."""

    url: str
    api_key: str | None

    def open(self) -> Client:
        """Return a client of the service."""
        return Client(self.url, self.api_key)


def find_connection(
    environ: Mapping[str, str], *, url: str | None, api_key: str | None
) -> Connection:
    """Complete what the user has said: by default the embedded service of this machine.

    Raises:
        SettingsError: an address that is none, or any other setting that cannot be used.
    """
    settings, _ = load_settings(environ)
    url = url or f"http://127.0.0.1:{settings.port}"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"SLOPE_URL: {url!r} is not an address such as http://127.0.0.1:8000")
    # The key in the state folder is this machine's own: it goes to no other.
    if not api_key and is_loopback(parts.hostname):
        api_key = _read_key(settings.state_dir / KEY_FILE)
    return Connection(url, api_key or None)


def _read_key(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
