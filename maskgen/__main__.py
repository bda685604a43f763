"""`python -m maskgen`."""

from maskgen.cli import main

main()
