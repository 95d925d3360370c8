"""The reference of the configuration is what the models say."""

from __future__ import annotations

from pathlib import Path

from stream.loading.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_page_is_up_to_date() -> None:
    wanted = reference()
    assert PAGE.read_text() == wanted, (
        "run `python -m stream.loading.reference docs/configuration.md`"
    )


def test_every_setting_says_what_it_means() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 60
    assert [row for row in rows if row.endswith("|  |")] == []
