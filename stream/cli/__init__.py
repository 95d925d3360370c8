"""The command line: each command parses, builds, calls one function, prints, and exits."""

from stream.cli.app import main

__all__ = ["main"]
