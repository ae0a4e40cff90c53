"""The page has a sentence of its own in every language for each code of error that the service answers with."""

from __future__ import annotations

import re
from pathlib import Path

from cuecast.service.problem import STATUS

CHECKOUT = Path(__file__).parents[2]


def codes_of_the_service() -> set[str]:
    """The first arguments of `Problem` and `busy`, also where one of two is chosen, and the codes of `STATUS`."""
    found = {code for _, _, code in STATUS}
    for path in (CHECKOUT / "src/cuecast/service").rglob("*.py"):
        for call in re.findall(r"\b(?:Problem|busy)\(\s*([^,]+),", path.read_text(encoding="utf-8")):
            found |= set(re.findall(r'"([a-z]+(?:_[a-z]+)*)"', call))
    return found


def test_every_error_has_a_chinese_sentence() -> None:
    codes = codes_of_the_service()
    assert {"not_an_image", "interactive_ended", "image_unreadable", "queue_full"} <= codes
    text = (CHECKOUT / "studio/src/text/zh.ts").read_text(encoding="utf-8")
    said = set(re.findall(r"^    (\w+):", text[text.index("  errors: {") :], re.MULTILINE))
    assert codes - said == set(), "without a Chinese sentence"
