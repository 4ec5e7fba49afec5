"""`make demo`: a line, then penguins, through the whole service on this machine."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

import stamina

from examples.embedded import StartError, embedded_service
from examples.line import learn_line
from examples.penguins import learn_penguins
from examples.training import TrainingError
from service.cli.output import console
from service.client import ClientError

if TYPE_CHECKING:
    from types import FrameType

    from rich.console import Console

GO_ON = """\
  make serve                  the same service in ./var, until Ctrl-C
  http://127.0.0.1:8000/docs  every route, to try out
  .venv/bin/slope train examples/penguins.csv --target species --name penguins
  curl -s http://127.0.0.1:8000/v1/models/penguins/predict \\
    -H "Authorization: Bearer $(cat var/api-key)" \\
    -H "Content-Type: application/json" \\
    -d '{"rows": [{"island": "Dream", "bill_length_mm": 49.8, "bill_depth_mm": 18.8,
         "flipper_length_mm": null, "body_mass_g": 3780, "sex": null, "year": 2007}]}'"""

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def main() -> int:
    """Run both and say what to do next.

    Returns:
        The exit code: 0; 1 when the service or a training failed; 130 after Ctrl-C.
    """
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    stamina.instrumentation.set_on_retry_hooks(())
    screen = console()
    start = time.monotonic()
    try:
        _show(screen, start)
    except KeyboardInterrupt:
        screen.print("\nInterrupted; the service has ended.")
        return EXIT_INTERRUPTED
    except (ClientError, StartError, TrainingError) as error:
        screen.print(f"\nThe demo failed: {error}", style="red", markup=False, soft_wrap=True)
        return EXIT_FAILED
    screen.print(f"\nDone in {time.monotonic() - start:.1f} s.")
    return 0


def _show(screen: Console, start: float) -> None:
    screen.print("Starting the embedded service: broker, API, worker, reconciler ...")
    with embedded_service() as client:
        screen.print(f"Ready after {time.monotonic() - start:.1f} s at {client.base_url}")
        _title(screen, "1. A line: y = m x + c")
        learn_line(client, screen)
        _title(screen, "2. Penguins: which of three species?")
        learn_penguins(client, screen)
    _title(screen, "3. Go on")
    screen.print(GO_ON, markup=False, soft_wrap=True)


def _title(screen: Console, text: str) -> None:
    screen.print(f"\n{text}", style="bold", markup=False)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
