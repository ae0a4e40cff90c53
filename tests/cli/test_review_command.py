"""`cuecast segment --review`, `cuecast review`, and what is redone after it."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from commands import one_line
from pictures import mask, picture

from cuecast.cli import run
from cuecast.results.manifest import read_manifest


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results of in/p1.png to in/p8.png with the set `set`, whose cue has 4 red columns, and a page to review them."""
    for columns in range(1, 9):
        picture(tmp_path / f"in/p{columns}.png", columns)
    picture(tmp_path / "cue.png", 4)
    mask(tmp_path / "cue_mask.png", [1, 1, 1, 1, 0, 0, 0, 0])
    mask(tmp_path / "fixed.png", [1, 1, 1, 0, 0, 0, 0, 0])
    monkeypatch.chdir(tmp_path)
    assert run(["cues", "new", "set"]) == 0
    assert run(["cues", "add", "set", "--cue", "cue.png"]) == 0
    assert segment() == 0
    return Path("out")


def segment(*flags: str) -> int:
    quiet = ["--pack", "colours", "-q", "-f", "none", "--review"]
    return run(["segment", "in", "--cues", "set", "-o", "out", *quiet, *flags])


def as_the_page(out: Path, *wrong: str) -> Path:
    """review.json as the page saves it: from the attributes of its boxes, ticked as `wrong` says."""
    text = (out / "report.html").read_text(encoding="utf-8")
    boxes = re.findall(
        r"<input type='checkbox' data-key='([^']*)' data-mask='(\w+)' [^>]*?( checked)?>", text
    )
    images = []
    for key, mask_hash, before in boxes:
        name = json.loads(html.unescape(key))
        if name in wrong or before:
            images.append(
                {"name": name, "mask_hash": mask_hash, "review": "wrong" if name in wrong else None}
            )
    Path("review.json").write_text(json.dumps({"cuecast": "review", "version": 1, "images": images}))
    return Path("review.json")


def test_from_the_page_to_the_manifest_to_the_next_run(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["review", "out", str(as_the_page(out, "p1", "p8"))]) == 0
    assert capsys.readouterr().out.splitlines() == ["2 called wrong", "  in/p1.png", "  in/p8.png"]
    assert [e.name for e in read_manifest(out / "manifest.jsonl") if e.review == "wrong"] == ["p1", "p8"]
    assert segment("--json") == 0
    assert json.loads(capsys.readouterr().out)["resumed"] == 8  # the same cues: the same masks
    assert run(["review", "out", str(as_the_page(out, "p8")), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["marked"], record["cleared"]) == (["p8"], ["p1"])
    assert [w["name"] for w in record["wrong"]] == ["p8"]
    assert run(["cues", "add", "set", "--image", "cue.png", "--mask", "fixed.png"]) == 0
    assert segment() == 0
    by_version = {e.name: e.cueset_version for e in read_manifest(out / "manifest.jsonl")}
    assert by_version == {"p1": 2, "p2": 3, "p3": 3, "p4": 3, "p5": 3, "p6": 3, "p7": 2, "p8": 3}
    assert run(["review", "out"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 called wrong"


def test_ticks_for_masks_that_are_others_by_now_are_passed_over(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = as_the_page(out, "p4", "p8")
    assert run(["cues", "add", "set", "--image", "cue.png", "--mask", "fixed.png"]) == 0
    assert segment() == 0
    before = {e.name: e.mask_hash for e in read_manifest(out / "manifest.jsonl")}
    raw = json.loads(file.read_text())
    raw["images"][0]["mask_hash"] = "0" * 64
    file.write_text(json.dumps(raw))
    capsys.readouterr()
    assert run(["review", "out", str(file)]) == 3
    assert "passed over: p4: its mask was made anew since" in capsys.readouterr().err
    assert before == {e.name: e.mask_hash for e in read_manifest(out / "manifest.jsonl")}
    file.write_text(json.dumps({**raw, "images": raw["images"][:1]}))
    assert run(["review", "out", str(file)]) == 1


def test_who_accepts_and_corrects_is_noted_and_what_is_reviewed_stays(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert segment("--provenance") == 0
    mask(out / "masks" / "p6.png", [1, 1, 0, 0, 0, 0, 0, 0])
    kept = (out / "masks" / "p6.png").read_bytes()
    wrong = str(as_the_page(out, "p8"))
    capsys.readouterr()
    said = ["--reviewer", "Ada L.", "--accept", "p1", "--corrected", "p6", "--json"]
    assert run(["review", "out", wrong, *said]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in record["wrong"]] == ["p8"]
    assert (record["marked"], record["corrected"], record["passed_over"]) == (["p8", "p1"], ["p6"], [])
    assert run(["review", "out", "--reviewer", "Bo", "--accept-rest"]) == 0
    entries = {e.name: (e.review, e.reviewer) for e in read_manifest(out / "manifest.jsonl")}
    assert entries == {
        **{f"p{i}": ("accepted", "Bo") for i in range(2, 8)},
        "p1": ("accepted", "Ada L."),
        "p6": ("corrected", "Ada L."),
        "p8": ("wrong", "Ada L."),
    }
    people = [
        node["name"]
        for node in json.loads((out / "provenance.jsonld").read_text(encoding="utf-8"))["@graph"]
        if "Person" in node["@type"]
    ]
    assert people == ["Ada L.", "Bo"]
    assert run(["cues", "add", "set", "--image", "cue.png", "--mask", "fixed.png"]) == 0
    assert segment() == 0
    assert "accepted by Ada L." in (out / "report.html").read_text(encoding="utf-8")
    redone = [e.name for e in read_manifest(out / "manifest.jsonl") if e.cueset_version == 3]
    assert redone == ["p8"]
    assert (out / "masks" / "p6.png").read_bytes() == kept


@pytest.mark.usefixtures("out")
@pytest.mark.parametrize(
    "flags", [["--accept", "p1"], ["--accept-rest"], ["--corrected", "p1", "--reviewer", " "]]
)
def test_somebody_has_to_say_so(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", "out", *flags]) == 2
    assert "need --reviewer NAME" in capsys.readouterr().err


def test_a_mask_that_was_not_changed_is_no_correction(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", str(out), "--reviewer", "Ada", "--corrected", "p1"]) == 1
    assert "passed over: p1: " in (err := capsys.readouterr().err)
    assert "it was not changed" in err


def test_the_page_without_review_has_no_boxes(out: Path) -> None:
    assert run(["segment", "in", "--cues", "set", "-o", "out", "--pack", "colours", "-q", "-f", "none"]) == 0
    assert "type='checkbox'" not in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("out")
@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["in"], "in: no manifest.jsonl is there"),
        (["out", "none.json"], "none.json: cannot be read"),
        (["out", "set/cues.json"], "set/cues.json: is no review; give the file"),
    ],
)
def test_errors_are_one_line(args: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["review", *args]) == 1
    streams = capsys.readouterr()
    assert streams.out == ""
    assert says in one_line(streams.err)
