"""`python -m maskgen.cli`."""

from .app import main

main()
