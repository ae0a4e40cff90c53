"""Names of results by a template."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuecast.core.errors import OutputError
from cuecast.results.folder import output_names


def test_names_follow_the_template(tmp_path: Path) -> None:
    paths = [tmp_path / "left" / "a.png", tmp_path / "right" / "a.jpg"]
    assert output_names(paths, "{parent}_{stem}") == ["left_a", "right_a"]
    assert output_names(paths, "x{index:03d}") == ["x001", "x002"]


@pytest.mark.parametrize("template", ["{name}", "{stem.__class__}", "{stem", "{}", "{stem:d}", "{0}"])
def test_a_template_that_cannot_be_used_is_refused(template: str) -> None:
    with pytest.raises(OutputError, match=r"name template .* cannot be used .*; use \{stem\}"):
        output_names([Path("a.png")], template)


@pytest.mark.parametrize("template", ["../{stem}", "{stem}/x", "..", ""])
def test_a_name_that_leads_elsewhere_is_refused(template: str) -> None:
    with pytest.raises(OutputError, match="cannot name a file; change the template"):
        output_names([Path("a.png")], template)
