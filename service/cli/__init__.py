"""The `slope` command: a user of the HTTP API like any other."""

from service.cli.app import main

__all__ = ["main"]
