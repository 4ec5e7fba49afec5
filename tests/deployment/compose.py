"""The compose file as the real Compose reads it: interpolated, merged, every profile active."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
BIN = Path(sys.executable).parent
PASSWORDS = {"POSTGRES_PASSWORD": "postgres-password", "REDIS_PASSWORD": "redis-password"}


def compose(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run Compose on our file with nothing of this machine's environment but PATH."""
    return subprocess.run(
        [BIN / "docker-compose", "--file", FILE, "--profile", "*", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def topology() -> dict[str, Any]:
    """Return the whole topology as Compose would start it."""
    result = compose("config", "--format", "json", **PASSWORDS)
    assert result.returncode == 0, result.stderr
    config: dict[str, Any] = json.loads(result.stdout)
    return config
