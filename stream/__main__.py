"""`python -m stream`: the command line, for places where the console script is not on the path."""

from stream.cli import main

main()
