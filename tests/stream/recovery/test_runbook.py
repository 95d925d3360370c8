"""docs/runbook.md, *A partition does not start*: its words are those of the code.

That the commands help: tests/replay/test_reset.py and test_rebuild.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream.cli.app import app

ROOT = Path(__file__).parents[3]
SECTION = (ROOT / "docs" / "runbook.md").read_text().partition("## A partition does not start\n")[2]
TABLE = [line.split("|")[1:4] for line in SECTION.splitlines() if line.startswith("| *")]
SOURCES = "".join(
    path.read_text()
    for path in [*(ROOT / "stream" / "recovery").glob("*.py"), ROOT / "stream" / "journal.py"]
)
# A message's words, whatever line of the source they are on.
WORDS = re.sub(r'"\s+f?"', "", SOURCES)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0].strip()[:40])
def test_reasons_are_those_of_the_code(row: list[str]) -> None:
    reasons = re.findall(r"\*([^*]+)\*", row[0])
    assert reasons
    assert [reason for reason in reasons if reason not in WORDS] == []


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[2].strip()[:60])
def test_commands_exist_with_their_options(row: list[str]) -> None:
    commands = re.findall(r"`driftgate ([^`]+)`", row[2])
    assert commands
    for command in commands:
        words = ["1" if word == "N" else word for word in command.split()]
        done = CliRunner().invoke(app, words)
        assert "CONFIG" in str(done.exception or done.output)  # no such file, and no other error


def test_what_the_code_refuses_is_in_the_table() -> None:
    """Each message that names a command is one of the reasons."""
    told = [reason for row in TABLE for reason in re.findall(r"\*([^*]+)\*", row[0])]
    assert len(TABLE) == 11
    raised = re.findall(r"raise RecoveryError\((.*?)\n +\)", WORDS, flags=re.DOTALL)
    offering = [
        text
        for text in raised
        if any(words in text for words in ("driftgate re", "begin_anew(", "go_on(", "_remedy("))
    ]
    assert len(offering) > 12
    assert [text for text in offering if not any(reason in text for reason in told)] == []
