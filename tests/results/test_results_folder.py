"""A folder of results: claimed, filled, set aside; and names of results by a template."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuecast.core.errors import OutputError
from cuecast.core.ordered import Step
from cuecast.io.files import file_digest
from cuecast.results.folder import Files, ResultsFolder, is_kept, output_names
from cuecast.results.manifest import ManifestEntry, read_manifest


def entry(out: Path, name: str, cues: str = "ours", content: bytes | None = None) -> ManifestEntry:
    """A line about the mask of a name, which is written where it has a content."""
    path = out / "masks" / name
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    digest = file_digest(path) if path.exists() else None
    return ManifestEntry(name, f"{name}.png", "pack", cues, "found", mask_hash=digest)


def strange(found: ManifestEntry) -> str | None:
    return None if found.cues == "ours" else "other cues"


def test_items_are_done_in_order_and_those_that_are_finished_stay(tmp_path: Path) -> None:
    folder = ResultsFolder(tmp_path / "out", ("masks",))
    told: list[Step] = []

    def work(name: str) -> tuple[ManifestEntry, bool]:
        former = folder.entry(known, name)
        if former is not None and is_kept(folder.out / "masks" / name, former):
            return former, True
        made = entry(folder.out, name, content=name.encode())
        return (made if name != "b" else ManifestEntry("b", "b.png", "pack", "ours", error="broken")), False

    for resumed in (0, 2):
        with folder.opened():
            known = folder.claim(strange, lambda _: Files())
            tally = folder.fill(work, "abc", ("letters", 3), workers=2, progress=told.append)
        assert tally.counts == {"found": 2, "failed": 1}
        assert (tally.resumed, tally.failures) == (resumed, [("b", "broken")])
    assert [(p.done, p.total, p.entry.name) for p in told[:3]] == [(1, 3, "a"), (2, 3, "b"), (3, 3, "c")]
    assert [e.name for e in read_manifest(folder.manifest)] == ["a", "b", "c"]


def test_results_of_something_else_are_replaced_when_asked_and_edited_masks_set_aside(tmp_path: Path) -> None:
    folder, again = (ResultsFolder(tmp_path, ("masks",), overwrite=o) for o in (False, True))
    lines = [entry(tmp_path, n, c, n.encode()) for n, c in (("a", "theirs"), ("b", "theirs"), ("c", "ours"))]
    with folder.opened():
        folder.fill(lambda line: (line, False), lines, ("lines", 3))
        (tmp_path / "masks" / "b").write_bytes(b"by hand")
        with pytest.raises(
            OutputError, match=r"it holds results of other cues, for a\.png; choose another folder"
        ):
            folder.claim(strange, lambda e: Files([tmp_path / "masks" / e.name]))
    with again.opened() as edited:
        known = again.claim(strange, lambda e: Files([tmp_path / "masks" / e.name]))
        assert edited() == (tmp_path / "edited" / "b",)
    assert list(known) == [e.name for e in read_manifest(folder.manifest)] == ["c"]
    assert [p.name for p in (tmp_path / "masks").iterdir()] == ["c"]


def test_what_is_written_again_as_it_was_is_no_edit(tmp_path: Path) -> None:
    folder, mask = ResultsFolder(tmp_path, ("masks",)), tmp_path / "masks" / "a"
    former = entry(tmp_path, "a", content=b"former")
    with folder.opened() as edited:
        for there, kept in ((b"former", []), (b"of a run that was stopped", []), (b"by hand", ["a"])):
            mask.write_bytes(there)
            with folder.remade(mask, former):
                mask.write_bytes(b"of a run that was stopped")
            assert [p.name for p in edited()] == kept
            assert (tmp_path / "edited").exists() is bool(kept)


def test_what_no_manifest_knows_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / ".cuecast-0.png").write_bytes(b"of a run that was killed")
    folder = ResultsFolder(tmp_path, ("masks", "objects.csv"))
    with folder.opened():
        assert folder.claim(strange, lambda _: Files()) == {}
    (tmp_path / "objects.csv").write_text("mine")
    with folder.opened(), pytest.raises(OutputError, match=r"objects\.csv is there and no manifest says"):
        folder.claim(strange, lambda _: Files())
    with folder.opened(), pytest.raises(OutputError, match="another run is writing there"), folder.opened():
        pass


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
