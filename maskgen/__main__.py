"""`python -m maskgen`."""

from .cli.app import main

main()
