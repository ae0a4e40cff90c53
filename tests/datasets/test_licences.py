"""What texts say of licences, and what licences say of uses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cuecast.datasets.licences import USES, judge_licence, read_licence
from cuecast.engine.card import licence_problem


@pytest.mark.parametrize(
    ("given", "expression"),
    [
        ("MIT", "MIT"),
        ("mit", "MIT"),
        ("GPL-3.0", "GPL-3.0-only"),
        ("CC-BY-4.0 AND MIT", "CC-BY-4.0 AND MIT"),
        ("LicenseRef-Ours", "LicenseRef-Ours"),
        ("CC BY 4.0 (in the COCO JSON, Roboflow); LICENSE: MIT License", "CC-BY-4.0 AND MIT"),
        ("LICENSE: Apache License 2.0 (tests/reference_files)", "Apache-2.0"),
        ("upstream CC0 (BBBC038)", "CC0-1.0"),
        ("LICENSE: CC BY-SA 4.0", "CC-BY-SA-4.0"),
        ("cc by-nc-sa 3.0", "CC-BY-NC-SA-3.0"),
        ("CC BY NC ND 4.0", "CC-BY-NC-ND-4.0"),
        ("CC BY-NC, see the paper", "LicenseRef-CC-BY-NC"),
        ("Creative Commons Attribution-NonCommercial 4.0 International", "CC-BY-NC-4.0"),
        ("Creative Commons Attribution 4.0 International Public License", "CC-BY-4.0"),
        ("https://creativecommons.org/licenses/by-nc-nd/4.0/", "CC-BY-NC-ND-4.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("https://spdx.org/licenses/EUPL-1.2.html", "EUPL-1.2"),
        ("https://spdx.org/licenses/BSD-3-Clause", "BSD-3-Clause"),
        ("for non-commercial research alone", "LicenseRef-Research"),
        ("free for commercial and non-commercial use", "NOASSERTION"),
        ("none stated", "NOASSERTION"),
        ("", "NOASSERTION"),
        (None, "NOASSERTION"),
        (["MIT", "CC BY 4.0"], "MIT AND CC-BY-4.0"),
        (["MIT OR Apache-2.0", "CC-BY-4.0"], "(MIT OR Apache-2.0) AND CC-BY-4.0"),
        (["MIT", "as the author likes"], "NOASSERTION"),
        ({"@type": "sc:CreativeWork", "name": "CC-BY-4.0"}, "CC-BY-4.0"),
        ({"url": "https://creativecommons.org/licenses/by/4.0/"}, "CC-BY-4.0"),
    ],
)
def test_a_licence_is_read_as_spdx_names_it(given: Any, expression: str) -> None:
    found, words = read_licence(given)
    assert found == expression
    assert licence_problem(found) is None
    if isinstance(given, str) and words is not None:
        assert words == given


@pytest.mark.parametrize(
    ("expression", "wrong", "minded"),
    [
        ("MIT", "", ""),
        ("CC0-1.0", "", ""),
        ("CC-BY-4.0 AND Apache-2.0", "", ""),
        ("CC-BY-NC-4.0", "training shipping", "measuring"),
        ("CC-BY-ND-4.0", "training shipping", ""),
        ("LicenseRef-CC-BY-NC", "training shipping", "measuring"),
        ("LicenseRef-Research", "training shipping", "measuring"),
        ("NOASSERTION", "training shipping", "measuring"),
        ("NONE", "training shipping", "measuring"),
        ("CC-BY-SA-4.0", "", "shipping"),
        ("GPL-3.0-only", "", "shipping"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "", "shipping"),
        ("LicenseRef-Ours", "", "training shipping"),
        ("MIT AND CC-BY-NC-4.0", "training shipping", "measuring"),
        ("MIT OR CC-BY-NC-4.0", "", ""),
        ("CC-BY-SA-4.0 OR CC-BY-NC-4.0", "", "shipping"),
        ("(MIT OR CC-BY-NC-4.0) AND CC-BY-ND-4.0", "training shipping", ""),
    ],
)
def test_what_a_licence_forbids_by_use(expression: str, wrong: str, minded: str) -> None:
    levels = {use: {j.level for j in judge_licence(expression, use)} for use in USES}
    assert [u for u in USES if "error" in levels[u]] == [u for u in USES if u in wrong.split()]
    assert [u for u in USES if levels[u] == {"warning"}] == [u for u in USES if u in minded.split()]


def test_the_reason_names_the_part_that_speaks_against_it() -> None:
    (found,) = judge_licence("MIT AND CC-BY-NC-4.0", "shipping")
    assert found.licence == "CC-BY-NC-4.0"
    assert "non-commercial" in found.reason


def test_the_licences_of_real_sets_are_read(data: Path) -> None:
    """Those that weights may be trained on name a licence that allows it; most that are for measuring do not."""
    for kind, allowed in (("train", True), ("dev", False)):
        cards = [json.loads(p.read_text()) for p in sorted((data / kind).glob("*/card.json"))]
        judged = [judge_licence(read_licence(c["licence"])[0], "training") for c in cards]
        free = [not any(j.level == "error" for j in found) for found in judged]
        assert all(free) if allowed else sum(free) < len(free) / 2
