"""An upgrade in the order of the documentation, with a run in the middle of it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from service.store import migrate

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed


def test_a_run_goes_on_after_an_upgrade_of_the_tables(
    service: FaultyService, undisturbed: Undisturbed, environ: dict[str, str]
) -> None:
    service.hold("6-inside")
    run_id = service.start_run(undisturbed.dataset_id)
    service.await_held("6-inside")
    service.release("6-inside")
    service.stop(signal.SIGTERM)
    # As the version before left it.
    sqlite = f"sqlite:///{service.state_dir / 'slope.db'}"
    url = environ.get("SLOPE_DATABASE_URL", sqlite)
    migrate.downgrade(url, "-1")
    service.start()
    assert migrate.is_current(url)
    run = undisturbed.check(run_id, faults=1)
    assert ("queued", "drained") in [(m["status"], m["reason"]) for m in run["status_history"]]
    assert service.starts(run_id)[0]["step"] > 0
