"""`python -m maskgen.cli`."""

from maskgen.cli import main

main()
