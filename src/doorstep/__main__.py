"""`python -m doorstep` is the command line."""

from doorstep.cli import main

main()
