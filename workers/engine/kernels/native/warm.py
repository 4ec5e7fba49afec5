"""`python -m workers.engine.kernels.native.warm`: compile ahead, at set-up and for an image.

For this machine's processor, or with --all for every level that an image may meet.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys

from workers.engine.kernels.native.compiling import object_codes
from workers.engine.kernels.native.folders import candidates, drop_unused, find
from workers.engine.kernels.native.processor import targets, this_target


def main() -> None:
    """Fill this environment's folder, and drop what no process has read there for long."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="for every level of processors")
    wanted = targets(platform.machine()) if parser.parse_args().all else (this_target(),)
    logging.disable()
    for target in wanted:
        folder = candidates(os.environ, target.cpu)[0]
        if find((folder,)) is None:
            sys.stderr.write(f"Compiling the kernels for {target.cpu} (once; half a minute) ...\n")
        object_codes(target, (folder,))
        drop_unused(folder.parent)


if __name__ == "__main__":
    main()
