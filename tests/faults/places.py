"""Places where a process stands, or dies, when a test wants it to; the test asks through files.

In the folder FAULTS_DIR `hold-PLACE` holds everybody who comes to the place, and `held-PLACE` has
the pid of who stands there; removing the first lets them go on. `crash-PLACE` ends the first who
comes as `kill -9` would, `doom-PLACE` whoever comes. `PLACE@NAME` is the same place for one run
alone, the one that is labelled `fault: NAME`; `exhaust-PID` makes the process that stands take
more memory than it may.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

FOLDER = Path(os.environ["FAULTS_DIR"])
POLL_S = 0.005


def come_to(place: str, name: str | None = None) -> None:
    """Meet what a test has prepared at this place, for everybody or for the run of this name."""
    for spot in (place,) if name is None else (place, f"{place}@{name}"):
        if (FOLDER / f"doom-{spot}").exists() or take(f"crash-{spot}"):
            os.kill(os.getpid(), signal.SIGKILL)
        _stand(spot)


def take(file: str) -> bool:
    """Remove a file; tell whether it was there, and no other process was quicker."""
    try:
        (FOLDER / file).unlink()
    except FileNotFoundError:
        return False
    return True


def _stand(spot: str) -> None:
    hold, sign = FOLDER / f"hold-{spot}", FOLDER / f"held-{spot}"
    if not hold.exists():
        return
    draft = sign.with_name(f"{sign.name}.draft")
    draft.write_text(f"{os.getpid()}")
    draft.rename(sign)
    while hold.exists():
        if take(f"exhaust-{os.getpid()}"):
            np.ones(2**40)
        time.sleep(POLL_S)
    sign.unlink(missing_ok=True)
