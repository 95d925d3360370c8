"""One mutant: a line of ours changed so that a test has to fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change of one place in one file.

    Parameters
    ----------
    file
        Path from the root of the repository.
    name
        What is wrong with the changed code, in words.
    old, new
        Text that stands once in the file, and what takes its place.
    tests
        Test files of which at least one test has to fail, the likeliest first.
    equivalent
        Why no test can fail, where none can; empty otherwise.
    """

    file: str
    name: str
    old: str
    new: str
    tests: tuple[str, ...]
    equivalent: str = ""

    def applied(self, source: str) -> str:
        """Return the source with the change in it.

        Raises
        ------
        ValueError
            The source no longer has that place: the list has to follow the code.
        """
        count = source.count(self.old)
        if count != 1:
            raise ValueError(
                f"{self.file}: mutant {self.name!r} must find its text once; found it {count} "
                "times. Let the list follow the code."
            )
        changed = source.replace(self.old, self.new)
        compile(changed, self.file, "exec")  # a mutant that is no Python proves nothing
        return changed


Change = tuple[str, str, str] | tuple[str, str, str, str]
"""Name, old text, new text and, where no test can fail, the reason."""


def mutants_of(file: str, tests: tuple[str, ...], *changes: Change) -> list[Mutant]:
    """List the mutants of one file that the same tests have to kill."""
    return [
        Mutant(file, name, old, new, tests, *equivalent) for name, old, new, *equivalent in changes
    ]
