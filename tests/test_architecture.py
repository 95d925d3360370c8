"""docs/architecture.md says what is there: its list of folders, and the tests that it names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
# Folders that only hold generated or untracked things, and those below a listed one that the
# listed one's line speaks for.
UNLISTED = {"deploy/kafka/libs"}
SPOKEN_FOR = ("deploy/grafana/", "tests/stream/")


def listed() -> dict[str, str]:
    lines = re.findall(r"^    ([.\w/-]+/)\s{2,}(\S.*)$", PAGE, flags=re.MULTILINE)
    return {folder.rstrip("/"): meaning for folder, meaning in lines}


def folders() -> set[str]:
    """Folders that hold source or configuration files of the project."""
    tops = (".ci", "deploy", "docs", "k8s", "operators", "stream", "tests")
    kinds = {".py", ".yaml", ".yml", ".md", ".json", ".xml", ".sh", ""}
    return {
        str(path.parent.relative_to(ROOT))
        for top in tops
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix in kinds and "__pycache__" not in path.parts
    } - UNLISTED


def test_every_folder_is_listed_with_a_line() -> None:
    missing = {
        folder for folder in folders() - listed().keys() if not folder.startswith(SPOKEN_FOR)
    }
    assert missing == set()


def test_every_listed_folder_is_there() -> None:
    assert [folder for folder in listed() if not (ROOT / folder).is_dir()] == []
    assert len(listed()) > 20


def test_the_tests_that_hold_invariants_are_there() -> None:
    named = re.findall(r"`(tests/[\w/.]+)`", PAGE)
    assert len(named) >= 8
    assert [name for name in named if not (ROOT / name).exists()] == []
