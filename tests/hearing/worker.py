"""A worker that takes no message while the file DEAF_FILE is there, and is soon found out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery import bootsteps

from service.usecases import hearing
from workers import presence
from workers.__main__ import main
from workers.app import app

SIGN = Path(os.environ["DEAF_FILE"])


class DeafStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Lets the connection stand, and takes nothing from it."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        """Go deaf when the sign is there; it is taken away, for the next process to hear."""
        qos = consumer.task_consumer.channel.qos
        can_consume = qos.can_consume
        is_deaf = False

        def hears() -> bool:
            nonlocal is_deaf
            if SIGN.exists():
                SIGN.unlink()
                is_deaf = True
            return not is_deaf and can_consume()

        qos.can_consume = hears


if __name__ == "__main__":
    vars(hearing)["DEAF_S"] = 1.0
    vars(presence)["PATIENCE_TICKS"] = 2
    app.steps["consumer"].add(DeafStep)
    main()
