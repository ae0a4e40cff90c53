"""docs/commands.md is what the commands say of themselves."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from scripts import load_script

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return load_script("docs/generate_commands.py")


def test_the_page_is_up_to_date(generator: ModuleType) -> None:
    written = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert written == generator.page(), "run: python docs/generate_commands.py"


def test_every_command_has_a_section_and_every_flag_a_meaning(generator: ModuleType) -> None:
    text = generator.page()
    for name in ("segment", "cues new", "cues add", "cues check", "cues show", "cues zip", "packs list"):
        assert f"\n## cuecast {name}\n" in text
    for name in ("packs info", "suggest", "eval", "train", "doctor"):
        assert f"\n## cuecast {name}\n" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert all(row.count(" | ") == 1 and len(row.split(" | ")[1]) > 5 for row in rows)
    assert "None" not in text
