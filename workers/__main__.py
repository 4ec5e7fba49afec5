"""`python -m workers`: trains the runs that the bell rings for, several at once."""

from __future__ import annotations

from workers.tasks import app


def main() -> None:
    """Work until a signal ends the process."""
    # Gossip and mingle are talk between workers that nobody here listens to.
    silent = ("--without-gossip", "--without-mingle")
    app.worker_main(["worker", "--pool", "prefork", *silent, "--loglevel", "INFO"])


if __name__ == "__main__":
    main()
