"""`python -m service.cli` is the `slope` command."""

from service.cli.app import main

main()
