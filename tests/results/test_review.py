"""Reviews: what the page saves comes into the manifest, and only for the masks it was made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cuecast.core.errors import InputError, OutputError
from cuecast.results.manifest import ManifestEntry, read_manifest, write_manifest
from cuecast.results.review import Reviewed, Tick, apply_review, called_wrong, read_review

ODD = b"odd\xff".decode("utf-8", "surrogateescape")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Results of p1 (called wrong), p2, an image whose name is no Unicode, and one that failed."""
    entries = [
        ManifestEntry("p1", "p1.png", "p", "c", "found", mask_hash="h1", review="wrong"),
        ManifestEntry("p2", "p2.png", "p", "c", "found", mask_hash="h2"),
        ManifestEntry(ODD, "odd.png", "p", "c", "absent", mask_hash="h3"),
        ManifestEntry("bad", "bad.png", "p", "c", error="broken"),
    ]
    write_manifest(tmp_path / "manifest.jsonl", entries)
    return tmp_path


def saved(path: Path, images: Any, **changes: Any) -> Path:
    """A file as the page writes it."""
    path.write_text(json.dumps({"cuecast": "review", "version": 1, "images": images, **changes}, indent=1))
    return path


def test_what_the_page_saves_comes_into_the_manifest_and_out_again(out: Path) -> None:
    images = [
        {"name": "p1", "mask_hash": "h1", "review": None},
        {"name": "p2", "mask_hash": "h2", "review": "wrong"},
        {"name": ODD, "mask_hash": "h3", "review": "wrong"},
    ]
    before = list(read_manifest(out / "manifest.jsonl"))
    ticks = read_review(saved(out / "review.json", images))
    assert ticks == (Tick("p1", "h1", None), Tick("p2", "h2"), Tick(ODD, "h3"))
    assert apply_review(out, ticks) == Reviewed(("p2", ODD), ("p1",), ())
    assert [e.name for e in called_wrong(out)] == ["p2", ODD]
    after = list(read_manifest(out / "manifest.jsonl"))
    assert [e.review for e in after] == [None, "wrong", "wrong", None]
    assert [(e.name, e.mask_hash, e.verdict) for e in after] == [
        (e.name, e.mask_hash, e.verdict) for e in before
    ]


def test_images_that_are_not_listed_stay_as_they_are(out: Path) -> None:
    apply_review(out, [Tick("p2", "h2")])
    assert [e.name for e in called_wrong(out)] == ["p1", "p2"]


def test_a_tick_for_another_mask_or_no_image_is_passed_over_with_its_reason(out: Path) -> None:
    done = apply_review(out, [Tick("p2", "older"), Tick("gone", "h"), Tick("p1", "h1", None)])
    assert (done.marked, done.cleared) == ((), ("p1",))
    assert done.passed_over == (
        ("p2", "its mask was made anew since the page was written; look at it again in the new report"),
        ("gone", "the results have no image of that name"),
    )
    assert called_wrong(out) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "review.json: is not valid JSON"),
        ('{"images": []}', "is no review; give the file that 'Save review'"),
        ('{"cuecast": "review", "version": 1}', "is no review; give"),
        ('{"cuecast": "review", "version": 2, "images": []}', "version 2, not 1; update cuecast"),
    ],
)
def test_another_file_is_named_with_its_remedy(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "review.json").write_text(text)
    with pytest.raises(InputError, match=message):
        read_review(tmp_path / "review.json")


@pytest.mark.parametrize(
    "item",
    ["p1", {"name": "p1"}, {"name": 1, "mask_hash": "h"}, {"name": "p", "mask_hash": "h", "review": 1}],
)
def test_a_malformed_tick_is_named_by_its_number(tmp_path: Path, item: Any) -> None:
    path = saved(tmp_path / "r.json", [{"name": "p", "mask_hash": "h", "review": "wrong"}, item])
    with pytest.raises(InputError, match=r"r\.json: image 2 is not of the form .*; save the review again"):
        read_review(path)


def test_a_folder_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no manifest\.jsonl is there; give the folder"):
        apply_review(tmp_path, [])
    with pytest.raises(OutputError, match=r"no manifest\.jsonl is there"):
        called_wrong(tmp_path)
