"""Files that a command writes: looked at before its work begins, and refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stream.errors import SetupError


def check_output(option: str, path: Path | None, *inputs: Path | str) -> None:
    """Refuse a file that would be written over what is read, or that cannot be written at all.

    Raises
    ------
    SetupError
        It is one of the inputs, a folder, or in a folder that does not exist.
    """
    if path is None:
        return
    if any(_is_same(path, Path(given)) for given in inputs):
        raise SetupError(f"{option} {path}: must be another file than what is read; got the same.")
    if path.is_dir():
        raise SetupError(f"{option} {path}: must be a file; got a folder. Name a file in it.")
    if not path.parent.is_dir():
        raise SetupError(
            f"{option} {path}: must be in a folder that exists; got `{path.parent}`. Create it."
        )


@contextmanager
def writing(option: str, path: Path) -> Iterator[None]:
    """Turn what a failed write raises into one line, also a picture's unknown ending."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise SetupError(f"{option} {path}: must be a file that can be written; {error}.") from None


def _is_same(path: Path, given: Path) -> bool:
    return path.exists() and given.exists() and path.samefile(given)
