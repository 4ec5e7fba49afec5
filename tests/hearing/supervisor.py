"""A service whose worker can go deaf."""

from __future__ import annotations

import os
import sys

from service.supervisor import serve

if __name__ == "__main__":
    sys.exit(serve(os.environ, worker_module="tests.hearing.worker"))
