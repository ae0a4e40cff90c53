"""A batch end to end with the exact pack `colours`: results, resumption, bad input, full disks."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from annotated import read_coco
from cuesets_made import add_cue
from pictures import RED, mask, picture
from PIL import Image as PILImage

import cuecast
from cuecast.core.errors import OutputError
from cuecast.core.ordered import Step
from cuecast.cuesets.changes import lineage
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.cuesets.edit import new_cueset, undo
from cuecast.io.files import exclusive, read_cell
from cuecast.io.images import read_image
from cuecast.io.labels.labelme import read_labelme
from cuecast.io.labels.masks import read_mask
from cuecast.io.labels.yolo import read_yolo
from cuecast.predictor import Concept
from cuecast.results.manifest import read_manifest
from cuecast.results.review import Tick, apply_review, called_wrong
from cuecast.runs.images import FORMATS, BatchOptions, run

ALL = BatchOptions(formats=FORMATS)


def table(path: Path) -> list[dict[str, str]]:
    """The rows of an objects.csv, texts as they were given."""
    with open(path, encoding="utf-8", newline="") as lines:
        return [{k: read_cell(v) for k, v in row.items()} for row in csv.DictReader(lines)]


@pytest.fixture
def concept(tmp_path: Path) -> Concept:
    """What is red is the thing."""
    return learn(tmp_path / "cues")


def learn(folder: Path, thing: int = 4) -> Concept:
    shown = cuecast.Cue(
        picture(folder / "a.png", 4), mask=mask(folder / "m.png", [1] * thing + [0] * (8 - thing))
    )
    return cuecast.load("colours").learn([shown], classes=["red"])


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    """Five pictures 8 wide and 4 high; the first i columns of picture i are red."""
    return [picture(tmp_path / "in" / f"p{i}.png", i) for i in range(5)]


def snapshot(out: Path) -> dict[str, bytes]:
    """Every file of a folder; the manifest without `seconds`, in which equal runs may differ."""
    files = {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    entries = [replace(e, seconds=None) for e in read_manifest(out / "manifest.jsonl")]
    return {**files, "manifest.jsonl": "\n".join(e.line() for e in entries).encode()}


# --- results


def test_every_output_holds_the_known_answer(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = run(concept, inputs, out, replace(ALL, pixel_size=0.5, unit="mm"))
    assert summary.counts == {"found": 4, "doubtful": 0, "absent": 1, "failed": 0}
    assert (summary.failures, summary.resumed) == ((), 0)
    assert all(path.exists() for path in summary.files.values())
    assert set(summary.files) == {"manifest", "masks", *FORMATS}

    truth = np.zeros((4, 8), np.int32)
    truth[:, :3] = 1
    image = read_image(inputs[3])
    assert (read_mask(out / "masks/p3.png", image=image) == truth).all()
    with PILImage.open(out / "overlays/p3.jpg") as drawn:
        assert drawn.size == (8, 4)
    annotations, classes = read_coco(out / "annotations.coco.json")
    assert [(a.name, len(a.objects)) for a in annotations] == [(f"p{i}.png", min(i, 1)) for i in range(5)]
    assert [c.name for c in classes] == ["red"]
    assert (annotations[3].label_map() == truth).all()
    rows = [
        (r["image"], r["area"], r["x1"], r["y1"], r["x2"], r["y2"], r["area_units"])
        for r in table(out / "objects.csv")
    ]
    assert rows == [(f"p{i}.png", f"{4 * i}", "0", "0", f"{i}", "4", f"{float(i)}") for i in range(1, 5)]
    assert (read_yolo(out / "yolo/p3.txt", (4, 8)).label_map() == truth).all()
    assert (out / "yolo/p0.txt").read_text() == ""
    assert (read_labelme(out / "labelme/p3.json", concept.classes)[0].label_map() == truth).all()
    named = json.loads((out / "labelme/p3.json").read_text())["imagePath"]
    assert (out / "labelme" / named).resolve() == inputs[3].resolve()
    assert "p3" in (out / "report.html").read_text(encoding="utf-8")


def test_the_manifest_says_all_of_an_image_in_input_order(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    run(concept, inputs[::-1], tmp_path / "out")
    entries = list(read_manifest(tmp_path / "out" / "manifest.jsonl"))
    assert [e.name for e in entries] == ["p4", "p3", "p2", "p1", "p0"]
    entry = entries[1]
    assert (entry.image, entry.verdict, entry.size, entry.areas) == (str(inputs[3]), "found", (4, 8), {1: 12})
    assert (entry.objects, entry.error) == (1, None)
    assert entry.concept == (concept.predictor.pack.digest, concept.digest)


def test_only_the_formats_asked_for_are_written(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    run(concept, inputs, tmp_path / "out", BatchOptions(formats=()))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["manifest.jsonl", "masks"]


def test_uncertainty_is_written_and_made_up_for_where_it_is_missing(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    run(concept, inputs, tmp_path / "out")
    summary = run(concept, inputs, tmp_path / "out", BatchOptions(formats=("uncertainty",)))
    assert summary.resumed == 0
    grey = PILImage.open(tmp_path / "out/uncertainty/p2.png")
    assert (grey.mode, grey.size) == ("L", (8, 4))
    assert grey.getextrema() == (0, 0)  # colours are certain
    again = run(concept, inputs, tmp_path / "out", BatchOptions(formats=("uncertainty",)))
    assert again.resumed == len(inputs)


def test_an_unknown_format_is_refused(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="format 'pdf' is unknown; known are overlays, coco"):
        run(concept, inputs, tmp_path / "out", BatchOptions(formats=("pdf",)))  # type: ignore[arg-type]


def test_file_names_of_all_kinds_come_through(concept: Concept, tmp_path: Path) -> None:
    names = ["with space", "quote'\"", "ä中", "a.b.c", "<b>&amp;", "-dash", "new\nline"]
    paths = [picture(tmp_path / "in" / f"{n}.png", 2) for n in names]
    summary = run(concept, paths, tmp_path / "out", ALL)
    assert summary.counts["found"] == len(names)
    assert sorted(p.stem for p in (tmp_path / "out/masks").iterdir()) == sorted(names)
    assert {row["image"] for row in table(tmp_path / "out/objects.csv")} == {f"{n}.png" for n in names}
    assert {a.name for a in read_coco(tmp_path / "out/annotations.coco.json")[0]} == {
        f"{n}.png" for n in names
    }


def test_a_file_name_that_is_not_unicode_comes_through(concept: Concept, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff.png"))
    try:
        shutil.copy(picture(tmp_path / "p.png", 2), odd)
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    assert run(concept, [odd], tmp_path / "out", ALL).counts["found"] == 1
    assert run(concept, [odd], tmp_path / "out", ALL).resumed == 1


def test_progress_is_told_in_input_order(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    told: list[Step] = []
    inputs[3].write_text("broken")
    run(concept, inputs, tmp_path / "out", BatchOptions(workers=3), told.append)
    assert [(p.done, p.total, p.entry.name, p.resumed) for p in told[:5]] == [
        (i + 1, 5, f"p{i}", False) for i in range(5)
    ]
    # Four have a mask, which comes into two tables; five stand in the report.
    assert [(p.what, p.done, p.total) for p in told[5:]] == [
        ("tables and report", n, 13) for n in range(1, 14)
    ]


def test_the_number_of_workers_changes_no_byte(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    for workers in (1, 2, 5):
        run(concept, inputs, tmp_path / f"out{workers}", replace(ALL, workers=workers))
    assert snapshot(tmp_path / "out1") == snapshot(tmp_path / "out2") == snapshot(tmp_path / "out5")


# --- names


@pytest.mark.parametrize(
    ("first", "second"), [("l/a.png", "r/a.png"), ("a.png", "a.jpg"), ("a.png", "A.png")]
)
def test_the_same_stem_twice_is_refused_before_any_work(
    concept: Concept, tmp_path: Path, first: str, second: str
) -> None:
    paths = [picture(tmp_path / first, 1), tmp_path / second]
    with pytest.raises(OutputError) as caught:
        run(concept, paths, tmp_path / "out")
    for part in (first, second, "--name '{parent}_{stem}'"):
        assert part in str(caught.value)
    assert not (tmp_path / "out").exists()


# --- bad input


def test_bad_files_are_named_and_the_rest_is_done(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    (folder / "text.png").write_text("no picture")
    (folder / "zero.png").write_bytes(b"")
    (folder / "torn.png").write_bytes(inputs[0].read_bytes()[:50])
    missing = [folder / f"{n}.png" for n in ("text", "zero", "torn", "gone")]
    for workers in (1, 3):
        out = tmp_path / f"out{workers}"
        paths = [inputs[0], *missing, *inputs[1:]]
        summary = run(concept, paths, out, replace(ALL, workers=workers))
        assert summary.counts == {"found": 4, "doubtful": 0, "absent": 1, "failed": 4}
        assert [image for image, _ in summary.failures] == [str(p) for p in missing]
        for image, error in summary.failures:
            assert error.startswith(f"{image}: ")
        assert sorted(p.stem for p in (out / "masks").iterdir()) == ["p0", "p1", "p2", "p3", "p4"]
        assert [e.name for e in read_manifest(out / "manifest.jsonl") if e.error] == [
            "text",
            "zero",
            "torn",
            "gone",
        ]
        assert "no picture" not in (out / "report.html").read_text(encoding="utf-8")
        assert str(missing[0].name) in (out / "report.html").read_text(encoding="utf-8")


def test_an_image_that_breaks_later_loses_its_old_results(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out, ALL)
    inputs[3].write_text("broken since")
    assert run(concept, inputs, out, ALL).counts["failed"] == 1
    assert list(out.rglob("p3.*")) == []
    picture(inputs[3], 3)
    assert run(concept, inputs, out, ALL).counts["failed"] == 0
    run(concept, inputs, tmp_path / "fresh", ALL)
    assert snapshot(out) == snapshot(tmp_path / "fresh")


def test_an_image_over_the_limit_is_named(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    large = picture(tmp_path / "large.png", 1, (40, 40))
    summary = run(concept, [inputs[1], large], tmp_path / "out", BatchOptions(max_pixels=100))
    assert summary.counts["found"] == 1
    assert [image for image, _ in summary.failures] == [str(large)]


# --- the output folder


def test_another_concepts_results_are_refused_and_kept(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out, ALL)
    before = snapshot(out)
    other = learn(tmp_path / "other", thing=3)
    with pytest.raises(
        OutputError, match=r"out: it holds results of another concept \(other cues.*--overwrite"
    ):
        run(other, inputs, out, ALL)
    assert snapshot(out) == before


def test_results_of_another_picture_of_the_same_name_are_kept(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out)
    before = snapshot(out)
    other = picture(tmp_path / "other" / "p2.png", 5)
    with pytest.raises(
        OutputError,
        match=r"other/p2\.png would be written as p2\.png in .*, which holds the results of .*in/p2\.png",
    ):
        run(concept, [inputs[0], other], out)
    assert snapshot(out) == before
    copy = Path(shutil.copy(inputs[2], other))
    assert run(concept, [copy], out).resumed == 1
    picture(other, 5)
    run(concept, [other], out, BatchOptions(overwrite=True))
    other.unlink()
    assert run(concept, [picture(tmp_path / "moved" / "p2.png", 2)], out).resumed == 0


def test_overwrite_replaces_another_concepts_results_without_a_trace(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out, ALL)
    other = learn(tmp_path / "other", thing=3)
    run(other, inputs[:2], out, replace(ALL, overwrite=True))
    run(other, inputs[:2], tmp_path / "fresh", ALL)
    assert snapshot(out) == snapshot(tmp_path / "fresh")


def test_overwrite_redoes_what_is_finished(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    run(concept, inputs, tmp_path / "out")
    assert run(concept, inputs, tmp_path / "out").resumed == 5
    assert run(concept, inputs[:2], tmp_path / "out", BatchOptions(overwrite=True)).resumed == 0
    assert len(list(read_manifest(tmp_path / "out" / "manifest.jsonl"))) == 5


@pytest.mark.parametrize("name", ["masks/p1.png", "annotations.coco.json", "objects.csv"])
def test_files_that_no_run_made_are_not_written_over(
    concept: Concept, inputs: list[Path], tmp_path: Path, name: str
) -> None:
    drawn = tmp_path / "out" / name
    drawn.parent.mkdir(parents=True)
    drawn.write_text("drawn by hand")
    with pytest.raises(
        OutputError, match=rf"out: {name} is there and no manifest says .*; choose another folder"
    ):
        run(concept, inputs, tmp_path / "out")
    assert drawn.read_text() == "drawn by hand"


def test_inputs_in_the_place_of_results_are_refused(concept: Concept, tmp_path: Path) -> None:
    inside = picture(tmp_path / "out" / "masks" / "p.png", 2)
    with pytest.raises(
        OutputError, match=r"masks/p\.png: this input lies where results of .* are written; choose"
    ):
        run(concept, [inside], tmp_path / "out")


def test_another_programs_manifest_is_refused(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text('{"file": "x"}\n')
    with pytest.raises(OutputError, match=r"manifest\.jsonl line 1: .*choose another output folder"):
        run(concept, inputs, tmp_path)


def test_a_second_run_at_the_same_time_is_refused(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    with exclusive(tmp_path / "out"), pytest.raises(OutputError, match="another run is writing there; wait"):
        run(concept, inputs, tmp_path / "out")
    assert run(concept, inputs, tmp_path / "out").counts["found"] == 4


def test_more_images_join_the_results(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(concept, inputs[3:], out, ALL)
    summary = run(concept, inputs[:3], out, ALL)
    assert (sum(summary.counts.values()), summary.resumed) == (3, 0)
    assert [e.name for e in read_manifest(out / "manifest.jsonl")] == ["p0", "p1", "p2", "p3", "p4"]
    run(concept, inputs, tmp_path / "fresh", ALL)
    assert snapshot(out) == snapshot(tmp_path / "fresh")


# --- resumption


@pytest.mark.parametrize(
    "lost", ["masks/p2.png", "overlays/p2.jpg", "yolo/p2.txt", "report.html", "objects.csv"]
)
def test_what_was_lost_is_made_again(concept: Concept, inputs: list[Path], tmp_path: Path, lost: str) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out, ALL)
    before = snapshot(out)
    (out / lost).unlink()
    assert run(concept, inputs, out, ALL).resumed == (4 if lost.startswith("masks") else 5)
    assert snapshot(out) == before


def test_a_changed_image_is_done_again(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    run(concept, inputs, tmp_path / "out", ALL)
    picture(inputs[2], 7)
    assert run(concept, inputs, tmp_path / "out", ALL).resumed == 4
    run(concept, inputs, tmp_path / "fresh", ALL)
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "fresh")


def test_a_mask_corrected_by_hand_is_put_aside_and_not_lost(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out)
    corrected = mask(out / "masks/p2.png", [1] * 8).read_bytes()
    again = run(concept, inputs, out)
    assert (again.resumed, again.edited) == (4, (out / "edited/p2.png",))
    assert (out / "edited/p2.png").read_bytes() == corrected
    assert run(concept, inputs, out).edited == ()


def test_a_mask_corrected_by_hand_outlives_a_run_over_other_images(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out)
    corrected = mask(out / "masks/p2.png", [1] * 8).read_bytes()
    run(concept, inputs[:2], out)
    run(concept, inputs, out)
    assert (out / "edited/p2.png").read_bytes() == corrected


def test_a_report_without_overlays_shows_the_page_that_was_read(concept: Concept, tmp_path: Path) -> None:
    pages = [PILImage.new("RGB", size, RED) for size in ((8, 4), (12, 8))]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    run(concept, [tmp_path / "two.tif"], tmp_path / "out", BatchOptions(page=1, formats=("report",)))
    (row,) = read_manifest(tmp_path / "out/manifest.jsonl")
    assert (row.verdict, row.size) == ("found", (8, 12))
    assert (tmp_path / "out/report.html").read_text().count("data:image/jpeg") == 2  # the cue and the picture


def test_another_reading_of_the_images_is_not_resumed(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    run(concept, inputs, tmp_path / "out")
    assert run(concept, inputs, tmp_path / "out", BatchOptions(page=0)).resumed == 0


def test_a_moved_image_is_resumed_and_named_by_its_new_place(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    run(concept, inputs, tmp_path / "out")
    moved = [Path(shutil.move(p, tmp_path / p.name)) for p in inputs]
    assert run(concept, moved, tmp_path / "out").resumed == 5
    assert [e.image for e in read_manifest(tmp_path / "out/manifest.jsonl")] == [str(p) for p in moved]


TESTS = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
SCRIPT = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    sys.path[:0] = {tests!r}
    from test_images_run import learn, ALL
    from cuecast.runs.images import run
    from dataclasses import replace
    root = Path({root!r})
    inputs = sorted((root / "in").glob("*.png"))
    options = replace(ALL, workers={workers})
    run(learn(root / "cues"), inputs, root / "out", options, lambda p: time.sleep({pause}))
    """
)


def start(root: Path, workers: int, pause: float) -> subprocess.Popen[bytes]:
    script = SCRIPT.format(tests=TESTS, root=str(root), workers=workers, pause=pause)
    return subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_again_and_again_it_ends_with_the_bytes_of_an_undisturbed_run(
    tmp_path: Path, workers: int
) -> None:
    inputs = [picture(tmp_path / "in" / f"p{i:02d}.png", i % 9, (12, 24)) for i in range(14)]
    (tmp_path / "in" / "p05.png").write_text("broken")
    concept = learn(tmp_path / "cues")
    run(concept, inputs, tmp_path / "calm", ALL)
    manifest = tmp_path / "out" / "manifest.jsonl"
    for lines in (2, 9):
        process = start(tmp_path, workers, pause=0.05)
        while not (manifest.exists() and manifest.read_bytes().count(b"\n") >= lines):
            assert process.poll() is None, process.communicate()[1].decode()
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not (tmp_path / "out" / "report.html").exists()
    # what a kill in the middle of a write leaves: half a line, half a file, a mask that no line knows
    with open(manifest, "ab") as journal:
        journal.write(b'{"name": "p1')
    (tmp_path / "out" / "masks" / ".cuecast-0011223344556677.png").write_bytes(b"half")
    (tmp_path / "out" / "masks" / "p13.png").write_bytes(b"unknown")
    finished = sum(e.error is None for e in read_manifest(manifest))
    assert finished >= 7
    summary = run(concept, inputs, tmp_path / "out", replace(ALL, workers=workers))
    assert summary.resumed == finished
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "calm")


# --- corrections of the cue set


@pytest.fixture
def cueset(tmp_path: Path) -> Path:
    """A set with one cue: of a picture whose first 4 columns of 8 are red, the red is the thing."""
    root = tmp_path / "set"
    new_cueset(root, ["red"])
    add_cue(root, picture(tmp_path / "shown.png", 4), mask=mask(tmp_path / "m.png", [1] * 4 + [0] * 4))
    return root


def redo(root: Path, inputs: list[Path], out: Path, **options: object) -> list[str]:
    """Run with the set as it is now; the names that were segmented, not kept."""
    read = read_cueset(root)
    concept = cuecast.load("colours").learn(read_examples(read), list(read.classes))
    told: list[Step] = []
    run(concept, inputs, out, replace(ALL, **options), told.append, lineage(read))  # type: ignore[arg-type]
    return [p.entry.name for p in told if p.what == "images" and not p.resumed]


def made_by(out: Path) -> dict[str, int | None]:
    return {e.name: e.cueset_version for e in read_manifest(out / "manifest.jsonl")}


@pytest.fixture
def nine(tmp_path: Path) -> list[Path]:
    """Pictures with 0 to 8 red columns: those with 4 and 2 more or less are close to one with 4."""
    return [picture(tmp_path / "in" / f"p{i}.png", i) for i in range(9)]


def test_a_correction_redoes_what_is_not_found_or_close_to_it(
    cueset: Path, nine: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert redo(cueset, nine, out) == [f"p{i}" for i in range(9)]
    first = read_cueset(cueset).digest()
    kept = snapshot(out)
    add_cue(cueset, tmp_path / "shown.png", mask=mask(tmp_path / "m.png", [1] * 3 + [0] * 5))
    # p0 was absent; p8 and the others are far from the corrected picture
    assert redo(cueset, nine, out) == ["p0", "p2", "p3", "p4", "p5", "p6"]
    second = read_cueset(cueset).digest()
    entries = {e.name: e for e in read_manifest(out / "manifest.jsonl")}
    for name, entry in entries.items():
        again = name in ("p0", "p2", "p3", "p4", "p5", "p6")
        assert (entry.cueset_version, entry.cueset) == ((3, second) if again else (2, first))
        if not again:
            assert snapshot(out)[f"masks/{name}.png"] == kept[f"masks/{name}.png"]
    assert redo(cueset, nine, out) == []
    assert redo(cueset, nine, out, overwrite=True) == [f"p{i}" for i in range(9)]
    assert set(made_by(out).values()) == {3}


def test_the_corrected_image_itself_gets_the_mask_that_it_was_given(
    cueset: Path, nine: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    redo(cueset, nine, out)
    given = [1, 1, 0, 0, 0, 0, 0, 1]
    add_cue(cueset, nine[8], mask=mask(tmp_path / "fixed.png", given))
    assert "p8" in redo(cueset, nine, out)
    assert read_mask(out / "masks/p8.png", image=read_image(nine[8])).tolist() == [given] * 4


def test_what_a_correction_took_back_had_touched_is_redone(
    cueset: Path, nine: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    redo(cueset, nine, out)
    before = snapshot(out)
    add_cue(cueset, tmp_path / "shown.png", mask=mask(tmp_path / "m.png", [1] * 3 + [0] * 5))
    redo(cueset, nine, out)
    undo(cueset)
    assert redo(cueset, nine, out) == ["p0", "p2", "p3", "p4", "p5", "p6"]
    assert made_by(out) == {f"p{i}": 2 if i in (1, 7, 8) else 4 for i in range(9)}
    assert snapshot(out)["masks/p4.png"] == before["masks/p4.png"]


def test_a_new_class_redoes_everything(cueset: Path, nine: list[Path], tmp_path: Path) -> None:
    redo(cueset, nine, tmp_path / "out")
    classes = [*read_cueset(cueset).classes, cuecast.ClassInfo(2, "blue")]
    add_cue(cueset, tmp_path / "shown.png", points=[cuecast.Point((7, 0), 2)], classes=classes)
    assert len(redo(cueset, nine, tmp_path / "out")) == 9


def test_a_class_that_is_marked_at_last_is_searched_for_everywhere(nine: list[Path], tmp_path: Path) -> None:
    root = tmp_path / "set"
    new_cueset(root, ["red", "blue"])
    add_cue(root, picture(tmp_path / "shown.png", 4), mask=mask(tmp_path / "m.png", [1] * 4 + [0] * 4))
    redo(root, nine, tmp_path / "out")
    both = mask(tmp_path / "m.png", [1] * 4 + [2] * 4)
    add_cue(root, tmp_path / "shown.png", mask=both)
    assert len(redo(root, nine, tmp_path / "out")) == 9
    add_cue(root, tmp_path / "shown.png", mask=mask(tmp_path / "m.png", [1] * 4 + [0] * 4))
    assert len(redo(root, nine[:5], tmp_path / "out")) == 5
    # What was searched for both is not among the inputs, and has no place in tables of one class.
    assert list(made_by(tmp_path / "out")) == [f"p{i}" for i in range(5)]


def test_another_cue_set_another_scale_or_a_forgotten_past_is_another_concept(
    cueset: Path, nine: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    redo(cueset, nine[:2], out)
    add_cue(cueset, nine[8], points=[cuecast.Point((0, 0))])
    read = read_cueset(cueset)
    pixel = cuecast.load("colours").learn(read_examples(read), list(read.classes), "pixel")
    with pytest.raises(OutputError, match="another concept"):
        run(pixel, nine[:2], out, lineage=lineage(read))
    (cueset / "history.jsonl").unlink()
    with pytest.raises(OutputError, match=r"another concept \(other cues"):
        redo(cueset, nine[:2], out)


def test_a_mask_that_was_called_wrong_is_redone_with_other_cues_only(
    cueset: Path, nine: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    redo(cueset, nine, out)
    entries = {e.name: e for e in read_manifest(out / "manifest.jsonl")}
    apply_review(out, [Tick("p8", entries["p8"].mask_hash or "")])
    assert redo(cueset, nine, out) == []
    assert [e.name for e in called_wrong(out)] == ["p8"]
    add_cue(cueset, tmp_path / "shown.png", mask=mask(tmp_path / "m.png", [1] * 3 + [0] * 5))
    assert redo(cueset, nine, out) == ["p0", "p2", "p3", "p4", "p5", "p6", "p8"]
    assert called_wrong(out) == ()


# --- disks and permissions


def fails(code: str, *arguments: str, **options: object) -> str:
    """What a Python process says on stderr when it ends with exit status 1."""
    command = [sys.executable, "-c", textwrap.dedent(code), ";".join(TESTS), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 1, done.stderr
    return str(done.stderr)


LIMITED = """
    import resource, sys
    from pathlib import Path
    sys.path[:0] = sys.argv[1].split(";")
    from test_images_run import learn, ALL
    from cuecast.runs.images import run
    from cuecast.core.errors import OutputError
    root = Path(sys.argv[2])
    concept = learn(root / "cues")
    if len(sys.argv) > 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
    try:
        run(concept, sorted((root / "in").glob("*.png")), root / "out", ALL)
    except OutputError as error:
        sys.exit(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no limits on file sizes")
@pytest.mark.parametrize("limit", [200, 6000])
def test_a_disk_that_is_full_is_named_and_nothing_is_half_written(
    concept: Concept, inputs: list[Path], tmp_path: Path, limit: int
) -> None:
    stderr = fails(LIMITED, str(tmp_path), str(limit))
    assert "free" in stderr
    assert str(tmp_path / "out") in stderr
    assert not list((tmp_path / "out").rglob(".cuecast-*"))
    for path in (tmp_path / "out" / "masks").glob("*"):
        assert read_mask(path, image=read_image(inputs[0])).shape == (4, 8)
    summary = run(concept, inputs, tmp_path / "out", ALL)
    assert summary.counts["failed"] == 0
    run(concept, inputs, tmp_path / "calm", ALL)
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "calm")


@pytest.mark.usefixtures("inputs")
def test_a_real_full_file_system_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(tmp_path / "out")],
        capture_output=True,
        check=False,
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        stderr = fails(LIMITED, str(tmp_path))
        assert "no space" in stderr.lower()
        assert not list((tmp_path / "out").rglob(".cuecast-*"))
    finally:
        subprocess.run(["umount", str(tmp_path / "out")], check=True)


def test_a_folder_one_may_not_write_to_is_named(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    if os.access(closed, os.W_OK):
        pytest.skip("this user may write everywhere")
    with pytest.raises(OutputError, match=r"closed/out: .*choose a place you may write to"):
        run(concept, inputs, closed / "out")


def test_a_file_in_the_place_of_the_folder_is_named(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"file/out: the folder cannot be made .*; choose a place"):
        run(concept, inputs, tmp_path / "file" / "out")
    with pytest.raises(OutputError, match=r"file: the folder cannot be made"):
        run(concept, inputs, tmp_path / "file")


# --- memory

MEMORY = """
    import resource, sys
    from pathlib import Path
    sys.path[:0] = sys.argv[1].split(";")
    from test_images_run import learn, ALL
    from dataclasses import replace
    from cuecast.runs.images import run
    root = Path(sys.argv[2])
    inputs = sorted((root / "in").glob("*.png"))[: int(sys.argv[3])]
    run(learn(root / "cues"), inputs, root / sys.argv[3], ALL)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
    sys.exit(1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the system does not tell the peak of memory")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    for i in range(24):
        picture(tmp_path / "in" / f"p{i:02d}.png", 100 + i, (400, 400))
    few, many = (int(fails(MEMORY, str(tmp_path), n)) / 1024 for n in ("4", "24"))
    # an image with its mask and scores takes 0.5 + 0.6 + 0.6 MB: 20 of them kept would show as 35
    assert many - few < 16, f"{few:.0f} MB for 4 images, {many:.0f} MB for 24"


def test_the_digest_of_a_concept_tells_what_was_shown(tmp_path: Path) -> None:
    first = learn(tmp_path / "a")
    assert first.digest == learn(tmp_path / "elsewhere").digest
    others = [
        learn(tmp_path / "b", thing=3),
        first.add([cuecast.Cue(picture(tmp_path / "c.png", 0), absent=True)]),
        cuecast.load("colours").learn(first.examples, classes=["another name"]),
        cuecast.load("colours").learn(first.examples, classes=["red"], scale="pixel"),
        cuecast.load("colours").learn(
            [cuecast.Cue(picture(tmp_path / "d.png", 4), points=[(0, 0)])], classes=["red"]
        ),
    ]
    assert len({c.digest for c in (first, *others)}) == 6


def test_a_mask_of_a_run_that_was_stopped_is_not_taken_for_an_edited_one(
    concept: Concept, inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out)
    picture(inputs[3], 1)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cuecast.results.gather.write_overlay", stop)
        with pytest.raises(KeyboardInterrupt):
            run(concept, inputs, out)
    again = run(concept, inputs, out)
    assert (again.resumed, again.edited) == (4, ())
    assert not (out / "edited").exists()


def test_a_mask_changed_by_hand_outlives_another_concept_and_a_lost_image(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out, ALL)
    (out / "masks/p3.png").write_bytes(b"by hand")
    inputs[3].unlink()
    run(concept, inputs, out, ALL)
    assert (out / "edited/p3.png").read_bytes() == b"by hand"
    (out / "masks/p2.png").write_bytes(b"by hand")
    run(learn(tmp_path / "other", 2), inputs[:2], out, replace(ALL, overwrite=True))
    assert (out / "edited/p2.png").read_bytes() == b"by hand"
    assert not (out / "masks/p2.png").exists()


# --- the check of the cues


def checked(folder: Path, count: int, shown: int) -> Concept:
    """A concept of `count` cues; cue n has 10 + n red columns of 40, and marks them; the last marks `shown`."""
    cues = []
    for n in range(count):
        red = 10 + n
        marked = shown if n == count - 1 else red
        cues.append(
            cuecast.Cue(
                picture(folder / f"c{n}.png", red, (4, 40)),
                mask=mask(folder / f"m{n}.png", [1] * marked + [0] * (40 - marked)),
            )
        )
    return cuecast.load("colours").learn(cues, classes=["red"])


def section(out: Path) -> str:
    """What the report says of the cues."""
    page = (out / "report.html").read_text(encoding="utf-8")
    return (
        page.split("What the cues say of each other")[1].split("</section>")[0]
        if "What the cues" in page
        else ""
    )


def test_the_check_is_in_the_report_and_kept(inputs: list[Path], tmp_path: Path) -> None:
    concept, out = checked(tmp_path / "cues", 3, shown=18), tmp_path / "out"
    steps: list[tuple[int, int]] = []

    def note(step: Step) -> None:
        if step.what == "answers":  # of the check, which come after the images
            steps.append((step.done, step.total))

    options = BatchOptions(formats=(), check=True)
    summary = run(concept, inputs, out, options, note)
    assert set(summary.files) == {"manifest", "masks", "check", "report"}
    assert steps[-1][0] == steps[-1][1] > 3
    record = json.loads((out / "cue_check.json").read_text(encoding="utf-8"))
    assert (record["pack"], record["cues"]) == (concept.predictor.pack.digest, concept.digest)
    assert record["leave_one_out"]["flags"][0]["kind"] == "border"
    told = section(out)
    assert "Cue 3" in told
    assert "Draw the border closer to the thing." in told
    assert "<svg" in told

    # A later run shows it and does it again only to overwrite.
    files, steps[:] = snapshot(out), []
    for again in (replace(options, check=False), options):
        summary = run(concept, inputs, out, again, note)
        assert summary.resumed == len(inputs)
        assert summary.files["check"] == out / "cue_check.json"
        assert snapshot(out) == files
    assert steps == []
    run(concept, inputs, out, replace(options, overwrite=True), note)
    assert steps
    assert snapshot(out) == files


def test_without_the_option_nothing_is_checked(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    summary = run(concept, inputs, tmp_path / "out")
    assert "check" not in summary.files
    assert not (tmp_path / "out/cue_check.json").exists()
    assert section(tmp_path / "out") == ""


def test_one_cue_cannot_be_checked_and_the_report_says_so(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out, BatchOptions(check=True))
    assert (
        "Leave-one-out needs two images with a mask or polygons, here is 1: add a cue with a mask."
        in section(out)
    )
    run(concept, inputs, out)
    assert "here is 1" in section(out)


def test_a_check_of_other_cues_goes_with_their_masks(inputs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(checked(tmp_path / "cues", 3, shown=12), inputs, out, BatchOptions(check=True))
    run(checked(tmp_path / "cues", 2, shown=11), inputs, out, BatchOptions(overwrite=True))
    assert not (out / "cue_check.json").exists()
    assert section(out) == ""


def test_a_run_that_is_stopped_in_the_check_goes_on_with_it(inputs: list[Path], tmp_path: Path) -> None:
    concept, out = checked(tmp_path / "cues", 3, shown=12), tmp_path / "out"

    def stop(step: Step) -> None:
        if step.what == "answers" and 2 == step.done < step.total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(concept, inputs, out, BatchOptions(check=True), stop)
    assert not (out / "cue_check.json").exists()
    assert not (out / "report.html").exists()
    summary = run(concept, inputs, out, BatchOptions(check=True))
    assert summary.resumed == len(inputs)
    assert "No cue is suspected to hurt." in section(out)


def test_a_file_that_cannot_be_written_leaves_the_others(
    concept: Concept, inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise OutputError("annotations.coco.json: no space")

        patch.setattr("cuecast.io.labels.coco.write_coco", fail)
        with pytest.raises(OutputError, match=r"^annotations\.coco\.json: no space \(all else is written\)$"):
            run(concept, inputs, out, ALL)
    assert {p.name for p in out.iterdir()} >= {
        "objects.csv",
        "yolo",
        "labelme",
        "report.html",
        "manifest.jsonl",
    }
    assert run(concept, inputs, out, ALL).resumed == 5
    assert (out / "annotations.coco.json").is_file()
