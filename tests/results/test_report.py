"""The report page: order, escaping, self-containment."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from cuecast.core.errors import OutputError
from cuecast.core.values import ClassInfo
from cuecast.results.report import PICTURES, ReportCue, ReportRow, write_report
from cuecast.results.sizes import Sizes

NASTY = "<script>alert(1)</script> \"quoted\" 'too' ä & co"
VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """The page as a browser sees it: cards, links, texts; fails on a tag that closes what is not open."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.cards: list[dict[str, str]] = []
        self.sources: list[str] = []
        self.scripts = 0
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {k: v or "" for k, v in attrs}
        self.sources += [values[k] for k in ("src", "href") if k in values]
        self.scripts += tag == "script"
        if values.get("class") == "card":
            self.cards.append(values)
        if tag == "img" and self.cards and "data-full" in values:
            self.cards[-1]["full"] = values["data-full"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


ROWS = [
    ReportRow("found-sure", "found", 0.9, 1, 0.5, (4, 8), "overlays/found-sure.jpg"),
    ReportRow("absent", "absent", 0.99, 0, 0.0, (4, 8)),
    ReportRow("doubtful-more", "doubtful", 0.4, 3, 0.0004, (4, 8)),
    ReportRow("broken", "failed", error="in/broken.png: zero bytes; get an intact copy"),
    ReportRow("doubtful-less", "doubtful", 0.1, 3, 0.2, (4, 8)),
    ReportRow("found-less", "found", 0.6, 1, 0.5, (4, 8)),
]
CLASSES = [ClassInfo(1, "cell")]


def no_pictures(rows: Sequence[ReportRow]) -> list[None]:
    return [None] * len(rows)


def written(path: Path, rows: list[ReportRow], **options: object) -> Page:
    return Page(
        write_report(
            path / "report.html", rows, lambda rows: [b"jpeg"] * len(rows), classes=CLASSES, **options
        )
    )  # type: ignore[arg-type]


def test_doubtful_images_come_first_and_the_least_sure_of_them_first(tmp_path: Path) -> None:
    page = written(tmp_path, ROWS)
    names = [card["data-name"] for card in page.cards]
    assert names == ["doubtful-less", "doubtful-more", "broken", "absent", "found-less", "found-sure"]


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = written(tmp_path, ROWS, cues=[ReportCue("cue.jpg", b"jpeg")])
    assert len(page.sources) == len(ROWS) + 1
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.sources)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\(", text)


def test_says_the_reason_of_a_failure_and_the_figures_of_the_rest(tmp_path: Path) -> None:
    page = written(tmp_path, ROWS)
    cards = {card["data-name"]: card for card in page.cards}
    assert (
        cards["doubtful-more"]["data-about"] == "doubtful, 40% sure, 3 objects, <0.1 % marked, 8 × 4 pixels"
    )
    assert cards["found-sure"]["full"] == "overlays/found-sure.jpg"
    assert cards["absent"]["data-area"] == "0"
    assert cards["broken"]["data-confidence"] == ""


def test_a_failed_image_shows_its_error_where_its_picture_would_be(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", [ROWS[3]], no_pictures, classes=CLASSES)
    assert "in/broken.png: zero bytes; get an intact copy" in Page(tmp_path / "r.html").texts


def test_names_of_any_kind_are_texts_and_never_markup(tmp_path: Path) -> None:
    row = ReportRow(NASTY, "failed", error=NASTY, full=None)
    shown = ReportRow(NASTY, "found", 1.0, 1, 1.0, (1, 1), full=f"overlays/{NASTY}#?%.jpg")
    page = Page(
        write_report(
            tmp_path / "r.html",
            [row, shown],
            lambda rows: [b"x" if r.full else None for r in rows],
            classes=[ClassInfo(1, NASTY)],
            facts=[(NASTY, NASTY)],
            cues=[ReportCue(NASTY, b"x")],
            title=NASTY,
        )
    )
    assert page.scripts == 1
    assert [card["data-name"] for card in page.cards] == [NASTY, NASTY]
    # title, heading, class, label and text of the fact, cue, error, two names
    assert sum(NASTY in text for text in page.texts) == 9
    assert page.cards[1]["full"].startswith("overlays/%3Cscript%3E")
    assert page.cards[1]["full"].endswith("%23%3F%25.jpg")


def test_equal_rows_in_any_order_give_equal_bytes(tmp_path: Path) -> None:
    written(tmp_path / "a", ROWS)
    written(tmp_path / "b", ROWS[::-1])
    assert (tmp_path / "a" / "report.html").read_bytes() == (tmp_path / "b" / "report.html").read_bytes()


def test_a_page_of_very_many_images_lists_all_and_embeds_the_first(tmp_path: Path) -> None:
    rows = [ReportRow(f"{i:05d}", "found", 0.5, 1, 0.1, (4, 8)) for i in range(PICTURES + 10)]
    page = written(tmp_path, rows)
    assert len(page.cards) == PICTURES + 10
    assert len(page.sources) == PICTURES


def test_an_empty_report_is_a_page(tmp_path: Path) -> None:
    assert written(tmp_path, []).cards == []


def test_a_page_that_cannot_be_written_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"file/report\.html: .*choose another folder"):
        write_report(tmp_path / "file" / "report.html", ROWS, no_pictures, classes=CLASSES)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_every_sort_on_the_page_is_known_to_its_script(tmp_path: Path) -> None:
    written(tmp_path, ROWS)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    options = re.findall(r"<option value='(\w+)'", text)
    orders = re.search(r"const orders = \{(.*?)\n  \};", text, re.DOTALL)
    assert orders is not None
    assert sorted(options) == sorted(re.findall(r"^    (\w+):", orders[1], re.MULTILINE)), json.dumps(options)


def test_a_review_has_a_labelled_box_for_each_mask_and_for_nothing_else(tmp_path: Path) -> None:
    odd = b"odd\xff".decode("utf-8", "surrogateescape")
    rows = [
        ReportRow(NASTY, "found", 0.9, 1, 0.5, (4, 8), mask_hash="h1"),
        ReportRow(odd, "absent", 0.9, 0, 0, (4, 8), mask_hash="h2", review="wrong", reviewer="Ada L."),
        ROWS[3],
    ]
    written(tmp_path, rows, review=True)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    boxes = re.findall(r"<label class='tick'>(.*?)</label>", text)
    assert len(boxes) == 2
    keys = [json.loads(html.unescape(re.findall(r"data-key='([^']*)'", box)[0])) for box in boxes]
    assert sorted(keys) == sorted([NASTY, odd])
    assert [" checked>" in box for box in boxes] == [True, False]
    assert all("aria-label='Wrong: " in box for box in boxes)
    assert "id='save'" in text
    written(tmp_path, rows)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "checkbox'" not in text
    assert "id='save'" not in text


def test_what_a_person_has_said_stands_with_the_mask_and_is_counted(tmp_path: Path) -> None:
    rows = [
        replace(ROWS[0], review="accepted", reviewer=NASTY),
        replace(ROWS[5], review="accepted"),
        replace(ROWS[2], review="wrong", reviewer="Ada L."),
        replace(ROWS[4], review="corrected", reviewer="Ada L."),
    ]
    page = Page(write_report(tmp_path / "r.html", rows, no_pictures, classes=CLASSES))
    said = [text for text in page.texts if text.startswith(("accepted", "called", "corrected"))]
    assert said == ["corrected by Ada L.", "called wrong by Ada L.", "accepted", f"accepted by {NASTY}"]
    assert page.texts[page.texts.index("reviewed ") + 1] == "2 accepted, 1 corrected, 1 called wrong"
    assert page.cards[0]["data-about"].endswith("20.0 % marked, corrected by Ada L., 8 × 4 pixels")
    without = Page(write_report(tmp_path / "w.html", ROWS, no_pictures, classes=CLASSES))
    assert "reviewed " not in without.texts


def test_what_the_script_looks_for_is_on_the_page(tmp_path: Path) -> None:
    row = ReportRow("a", "found", 0.9, 1, 0.5, (4, 8), mask_hash="h")
    written(tmp_path, [row], review=True)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page, script = text.split("<script>")
    for name in set(re.findall(r"\$\(\"#(\w+)\"\)", script)):
        assert f"id='{name}'" in page, name
    assert "box.dataset.key" in script
    assert "box.dataset.mask" in script


def test_sizes_are_bars_that_say_their_number(tmp_path: Path) -> None:
    """A histogram a class, in its colour, also in words; names of any kind are texts."""
    areas = np.array([10, 10, 11, 14, 15, 19, 22, 25, 40])
    named = [Sizes.of(ClassInfo(1, NASTY, "#0102ff"), areas, "um"), Sizes.of(CLASSES[0], areas[:1])]
    path = write_report(tmp_path / "r.html", ROWS, no_pictures, classes=CLASSES, sizes=named)
    page, source = Page(path), path.read_text(encoding="utf-8")
    assert f"9 {NASTY}; area in um², median 15" in page.texts
    assert "1 cell; area in pixels, median 10" in page.texts
    assert source.count("<rect ") == 3 + 1
    assert source.count("fill='rgb(1, 2, 255)'") == 3
    assert "6 of 10 to 20 um²" in page.texts
    assert "script>alert" not in source
    without = write_report(tmp_path / "w.html", ROWS, no_pictures, classes=CLASSES)
    assert "<rect " not in without.read_text(encoding="utf-8")


def test_counts_of_several_classes_stand_behind_the_number_of_objects(tmp_path: Path) -> None:
    rows = [
        ReportRow("both", "found", 0.9, 3, 0.5, (4, 8), counts={"cell": 2, "dust": 1}),
        ReportRow("one", "found", 0.8, 2, 0.5, (4, 8), counts={"cell": 2}),
    ]
    page = Page(write_report(tmp_path / "r.html", rows, no_pictures, classes=CLASSES))
    assert "3 objects (2 cell, 1 dust)" in page.texts
    assert "2 objects" in page.texts
