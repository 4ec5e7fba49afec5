"""The embedded service with a worker and an API that have faults; it restarts them at once."""

from __future__ import annotations

import os
import sys

from service import children
from service.supervisor import serve

if __name__ == "__main__":
    # How long it waits between restarts has tests of its own; here there are many in a row.
    vars(children)["_FIRST_DELAY_S"] = vars(children)["_LAST_DELAY_S"] = 0.1
    sys.exit(serve(os.environ, worker_module="tests.faults.worker", api_module="tests.faults.api"))
