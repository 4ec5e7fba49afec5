"""How uvicorn serves the application: what does not depend on the machine."""

from __future__ import annotations

from typing import Any

from service.api.receipt import DeadlineProtocol

SERVER: dict[str, Any] = {
    "http": DeadlineProtocol,
    # No WebSockets are spoken, and no header that claims to come from a proxy is believed:
    # anybody can send one.
    "ws": "none",
    "proxy_headers": False,
    "server_header": False,
    # Requests at once are bounded at the edge, by what runs: uvicorn's own bound counts open
    # connections, so that slow senders would shut everybody else out.
    "limit_concurrency": None,
    "backlog": 512,
    "timeout_keep_alive": 5,
    "access_log": False,
    "log_config": None,
    "lifespan": "on",
}
