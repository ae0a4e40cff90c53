"""A batch whose things touch, with the exact pack `colours`: ids, tables, counts and what is left out agree."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from annotated import read_coco
from pictures import BLUE, GREEN, RED
from PIL import Image

import cuecast
from cuecast.core.errors import MaskError, OutputError
from cuecast.io.images import read_image
from cuecast.io.labels.labelme import read_labelme
from cuecast.io.labels.masks import write_objects
from cuecast.io.labels.yolo import read_yolo
from cuecast.predictor import Concept
from cuecast.results.gather import Results
from cuecast.results.manifest import find_entries, read_manifest
from cuecast.results.tables import read_objects_csv
from cuecast.runs import actions
from cuecast.runs.images import FORMATS, BatchOptions, run

ALL = BatchOptions(formats=FORMATS)
SIZE = (40, 64)
PAIR = ((12, 12, 9), (12, 28, 9))
"""Two discs that touch: (row, column, radius)."""
SCENES = {"pair": PAIR, "three": (*PAIR, (30, 52, 7)), "speck": ((12, 12, 9), (30, 52, 4)), "none": ()}
COUNTS = {"pair": 2, "three": 3, "speck": 2, "none": 0}


def ids(*discs: tuple[int, int, int]) -> np.ndarray:
    """(40, 64) int32: a number a disc, later ones below."""
    found = np.zeros(SIZE, np.int32)
    y, x = np.ogrid[: SIZE[0], : SIZE[1]]
    for number, (row, column, radius) in reversed(list(enumerate(discs, start=1))):
        found[(y - row) ** 2 + (x - column) ** 2 <= radius**2] = number
    return found


def scene(path: Path, labels: np.ndarray) -> Path:
    """A picture in which class 1 is red and class 2 green, on blue."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([BLUE, RED, GREEN], np.uint8)[labels]).save(path)
    return path


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("in")
    return [scene(folder / f"{name}.png", np.minimum(ids(*discs), 1)) for name, discs in SCENES.items()]


@pytest.fixture(scope="module")
def concept() -> Concept:
    """What is red is a disc, and discs touch; small ones are among them."""
    told = ids(*PAIR, (30, 52, 4))
    image = np.array([BLUE, RED], np.uint8)[np.minimum(told, 1)]
    cue = cuecast.Cue(image, mask=np.minimum(told, 1), objects=told)
    found = cuecast.load("colours").learn([cue], classes=["disc"])
    assert found.splits
    return found


def written(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.mode.startswith("I;16")
        return np.asarray(picture).astype(np.int32)


def files(out: Path) -> dict[str, bytes]:
    """All files but the manifest, whose seconds differ."""
    found = sorted(p for p in out.rglob("*") if p.is_file() and p.suffix != ".jsonl")
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in found}


def test_every_format_has_one_entry_an_object(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = run(concept, inputs, out, ALL)
    assert summary.objects == {"disc": 7}
    assert summary.files["objects"] == out / "objects"
    coco, classes = read_coco(out / "annotations.coco.json")
    entries = {e.name: e for e in read_manifest(out / "manifest.jsonl")}
    rows = list(read_objects_csv(out / "objects.csv"))
    listed = json.loads((out / "annotations.coco.json").read_text())["annotations"]
    assert all(0 <= one["score"] <= 1 for one in listed)
    assert [round(row.confidence or -1, 6) for row in rows] == [one["score"] for one in listed]
    for name, of_coco in zip(SCENES, coco, strict=True):
        answer = concept.segment(inputs[list(SCENES).index(name)])
        found = written(out / "objects" / f"{name}.png")
        assert answer.counts() == answer.annotations().counts() == entries[name].counts
        assert (found == answer.instances).all()
        assert int(found.max()) == COUNTS[name] == len(of_coco.objects)
        assert entries[name].counts == ({1: COUNTS[name]} if COUNTS[name] else {})
        assert len(entries[name].object_confidences) == COUNTS[name]
        for number, one in enumerate(of_coco.objects, start=1):
            x1, y1, x2, y2 = one.xyxy
            assert (found[y1:y2, x1:x2] == number)[one.mask].all()
            assert one.area == int((found == number).sum())
        mine = [row for row in rows if row.image == f"{name}.png"]
        assert [row.object for row in mine] == list(range(1, COUNTS[name] + 1))
        assert [row.area for row in mine] == [one.area for one in of_coco.objects]
        image = read_image(inputs[list(SCENES).index(name)])
        assert len(read_labelme(out / "labelme" / f"{name}.json")[0].objects) == COUNTS[name]
        assert len(read_yolo(out / "yolo" / f"{name}.txt", image.size, classes).objects) == COUNTS[name]
    assert [c.name for c in classes] == ["disc"]
    page = (out / "report.html").read_text()
    assert "7 disc; area in pixels" in page
    assert "3 objects" in page


def test_connected_objects_are_what_they_were(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    joined = concept.with_objects("connected")
    out = tmp_path / "out"
    assert run(joined, inputs, out, replace(ALL, formats=("csv", "objects"))).objects == {"disc": 5}
    assert int(written(out / "objects/pair.png").max()) == 1
    assert find_entries(out / "manifest.jsonl", {"pair"})["pair"].objects_hash is None
    # without the format no file of ids is written, and the table is the same
    plain = tmp_path / "plain"
    run(joined, inputs, plain, replace(ALL, formats=("csv",)))
    assert not (plain / "objects").exists()
    assert (plain / "objects.csv").read_bytes() == (out / "objects.csv").read_bytes()
    assert (plain / "masks/pair.png").read_bytes() == (out / "masks/pair.png").read_bytes()


def test_ids_are_written_where_things_are_told_apart(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    run(concept, inputs, tmp_path / "out", replace(ALL, formats=("csv",)))
    assert int(written(tmp_path / "out/objects/pair.png").max()) == 2


def test_a_resumed_run_gathers_from_what_lies_there(
    concept: Concept, inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(concept, inputs, whole, ALL)
    run(concept, inputs[:2], parts, replace(ALL, formats=("csv", "uncertainty")))
    run(concept, inputs[2:], parts, ALL)
    again = run(concept, inputs, parts, ALL)
    assert again.resumed == len(inputs)
    # nothing is asked again where all is there
    monkeypatch.setattr(Concept, "segment", None)
    last = run(concept, inputs, parts, ALL)
    assert (last.resumed, last.objects) == (len(inputs), {"disc": 7})
    assert files(parts) == files(whole)


@pytest.mark.parametrize("other", [{"min_area": 50}, {"min_confidence": 0.2}])
def test_other_settings_are_done_again(
    concept: Concept, inputs: list[Path], tmp_path: Path, other: dict[str, float]
) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out, ALL)
    assert run(concept, inputs, out, replace(ALL, **other)).resumed == 0  # type: ignore[arg-type]
    assert run(concept, inputs, out, replace(ALL, **other)).resumed == len(inputs)  # type: ignore[arg-type]
    assert run(concept.with_objects("connected"), inputs, out, replace(ALL, **other)).resumed == 0  # type: ignore[arg-type]
    assert int(written(out / "objects/pair.png").max()) == 1
    # 'split' is what 'auto' has come to
    run(concept, inputs, out, ALL)
    assert run(concept.with_objects("split"), inputs, out, ALL).resumed == len(inputs)


def test_small_objects_are_left_out_everywhere(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = run(concept, inputs, out, replace(ALL, min_area=50))
    assert summary.objects == {"disc": 6}
    entry = find_entries(out / "manifest.jsonl", {"speck"})["speck"]
    assert (entry.counts, entry.objects, entry.min_area) == ({1: 1}, 1, 50)
    assert entry.areas == {1: int(ids(*PAIR[:1]).sum())}
    with Image.open(out / "masks/speck.png") as mask:
        assert not np.asarray(mask)[25:].any()
    assert not written(out / "objects/speck.png")[25:].any()
    assert [row.image for row in read_objects_csv(out / "objects.csv")].count("speck.png") == 1


def test_unsure_objects_are_left_out(concept: Concept, inputs: list[Path]) -> None:
    answer = concept.segment(inputs[1])
    sure = [o.confidence or 0.0 for o in answer.objects()]
    assert len(answer.keeping(min_confidence=max(sure)).objects()) >= 1
    assert answer.keeping(min_confidence=min(sure)) is answer
    nothing = answer.keeping(min_area=10_000)
    assert (len(nothing.objects()), nothing.mask.any(), nothing.instances.any()) == (0, False, False)
    assert (nothing.verdict, nothing.confidence) == (answer.verdict, answer.confidence)
    kept = answer.keeping(min_area=200)
    assert [o.area for o in kept.objects()] == [o.area for o in answer.objects() if o.area >= 200]
    assert ((kept.instances > 0) == (kept.mask > 0)).all()
    assert sorted(set(np.unique(kept.instances).tolist()) - {0}) == list(range(1, len(kept.objects()) + 1))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"min_area": -1}, "min_area is -1"),
        ({"min_confidence": 1.5}, "min_confidence is 1.5"),
        ({"min_confidence": float("nan")}, "is nan"),
    ],
)
def test_limits_that_are_none_are_refused(
    concept: Concept, inputs: list[Path], tmp_path: Path, wrong: dict[str, float], said: str
) -> None:
    with pytest.raises(OutputError, match=said):
        run(concept, inputs, tmp_path / "out", replace(ALL, **wrong))  # type: ignore[arg-type]
    with pytest.raises(OutputError, match=said):
        concept.segment(inputs[1]).keeping(**wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_ids_that_are_gone_or_changed_are_made_anew(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out, ALL)
    before = files(out)
    (out / "objects/pair.png").unlink()
    changed = written(out / "objects/three.png")
    changed[changed == 3] = 2
    write_objects(out / "objects/three.png", changed)
    edited = (out / "objects/three.png").read_bytes()
    summary = run(concept, inputs, out, ALL)
    assert summary.resumed == len(inputs) - 2
    assert summary.edited == (out / "edited/three.png",)
    assert summary.edited[0].read_bytes() == edited
    summary.edited[0].unlink()
    assert files(out) == before


def test_ids_of_another_mask_are_named(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out, ALL)
    entry = find_entries(out / "manifest.jsonl", {"pair"})["pair"]
    write_objects(out / "objects/pair.png", np.zeros(SIZE, np.int32))
    with pytest.raises(MaskError, match=r"pair\.png.*of another mask.*segment the image again"):
        Results(out, concept.classes).objects(entry)


def test_more_objects_than_a_file_of_ids_holds(concept: Concept, tmp_path: Path) -> None:
    dots = np.zeros((520, 520), np.int32)
    dots[::2, ::2] = 1
    path = scene(tmp_path / "dots.png", dots)
    joined = concept.with_objects("connected")
    summary = run(joined, [path], tmp_path / "plain", replace(ALL, formats=()))
    assert summary.objects == {"disc": 260 * 260}
    summary = run(joined, [path], tmp_path / "ids", replace(ALL, formats=("objects",)))
    ((_, error),) = summary.failures
    assert "67600 objects, and a file of their ids holds 65534" in error
    assert "--min-area" in error
    assert not list((tmp_path / "ids").glob("*/*"))  # nothing half done
    with pytest.raises(OutputError, match="there are 65600 objects"):
        write_objects(tmp_path / "many.png", np.arange(65_600, dtype=np.int32).reshape(1, -1) + 1)


def test_counts_of_several_classes(tmp_path: Path) -> None:
    labels = np.minimum(ids(*PAIR), 1)
    labels[30:36, 5:10] = 2
    told = ids(*PAIR)
    told[30:36, 5:10] = 3
    image = np.array([BLUE, RED, GREEN], np.uint8)[labels]
    concept = cuecast.load("colours").learn(
        [cuecast.Cue(image, mask=labels, objects=told)], classes=["disc", "box"]
    )
    out = tmp_path / "out"
    summary = run(concept, [scene(tmp_path / "a.png", labels)], out, ALL)
    assert summary.objects == {"disc": 2, "box": 1}
    (entry,) = read_manifest(out / "manifest.jsonl")
    assert entry.counts == {1: 2, 2: 1}
    answer = concept.segment(tmp_path / "a.png")
    assert answer.counts() == {1: 2, 2: 1}
    assert replace(answer, told_apart=None).counts() == {1: 1, 2: 1}
    page = (out / "report.html").read_text()
    assert "3 objects (2 disc, 1 box)" in page
    assert "2 disc; area in pixels" in page
    assert "1 box; area in pixels, median 30" in page


def test_the_table_is_summed_up_by_its_objects(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(concept, inputs, out, ALL)
    found = actions.measure(actions.MeasureRequest(read_objects_csv(out / "objects.csv")))
    assert [(c.cls, c.objects, c.images) for c in found.classes] == [("disc", 7, 3)]
    with open(out / "objects.csv", newline="") as lines:
        assert csv.DictReader(lines).fieldnames[-1] == "confidence"  # type: ignore[index]


def test_overlays_show_the_borders_of_things_that_touch(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    """On the line between the two, each drawing differs from that of one object."""
    drawn = {}
    for mode in ("split", "connected"):
        out = tmp_path / mode
        run(concept.with_objects(mode), inputs[:1], out, replace(ALL, formats=("report",)))
        entry = find_entries(out / "manifest.jsonl", {"pair"})["pair"]
        drawn[mode] = np.asarray(
            actions.draw_result(read_image(inputs[0]), Results(out, concept.classes), entry)
        )
    border = (drawn["split"] != drawn["connected"]).any(axis=2)
    rows, columns = np.nonzero(border)
    assert rows.size
    assert 16 < columns.min() <= columns.max() < 24
