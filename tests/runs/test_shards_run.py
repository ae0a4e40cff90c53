"""Jobs in shards: whatever happens to them, what is gathered is what one undivided run leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import cuecast as command
from commands import one_line
from cuesets_made import add_cue
from pictures import BLUE, mask, picture
from test_images_run import learn, snapshot

import cuecast
from cuecast.core.errors import OutputError
from cuecast.core.shards import Shard
from cuecast.core.values import Box, ClassInfo, Example, Image, Marks, Point, Scribble
from cuecast.cuesets.changes import lineage
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.cuesets.edit import new_cueset
from cuecast.io.files import exclusive
from cuecast.io.places import list_images
from cuecast.predictor import Concept
from cuecast.results import shards
from cuecast.results.manifest import read_manifest
from cuecast.results.shards import Parts, whole_part
from cuecast.runs.images import FORMATS, BatchOptions, BatchSummary, run
from cuecast.runs.shard import keep_concept, kept_concept

gather = cuecast.gather
ALL = BatchOptions(formats=FORMATS)


@pytest.fixture
def concept(tmp_path: Path) -> Concept:
    """What is red is the thing."""
    return learn(tmp_path / "cues")


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    """Nine pictures, one of them broken; the first i columns of picture i are red."""
    paths = [picture(tmp_path / "in" / f"p{i}.png", i) for i in range(9)]
    paths[6].write_text("broken")
    return paths


def shard(
    concept: Concept, inputs: Sequence[Path], out: Path, text: str, options: BatchOptions = ALL
) -> BatchSummary:
    return run(concept, inputs, out, replace(options, shard=Shard.read(text)))


# --- the same bytes


@pytest.mark.parametrize(
    "options",
    [ALL, replace(ALL, check=True, review=True, unit="mm", pixel_size=0.5), BatchOptions(formats=())],
)
def test_what_is_gathered_is_what_an_undivided_run_leaves(
    concept: Concept, inputs: list[Path], tmp_path: Path, options: BatchOptions
) -> None:
    whole = run(concept, inputs, tmp_path / "whole", options)
    out = tmp_path / "out"
    done = [shard(concept, inputs, out, f"{i}/4", options) for i in (3, 1, 4, 2)]
    assert sum(sum(d.counts.values()) for d in done) == 9
    assert not (out / "manifest.jsonl").exists()
    gathered = gather(out)
    assert snapshot(out) == snapshot(tmp_path / "whole")
    assert (gathered.counts, gathered.failures) == (whole.counts, whole.failures)
    assert {k: p.relative_to(out) for k, p in gathered.files.items()} == {
        k: p.relative_to(tmp_path / "whole") for k, p in whole.files.items()
    }


def test_more_shards_than_pictures_are_fine(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    run(concept, inputs[:1], tmp_path / "whole", ALL)
    for number in range(1, 4):
        shard(concept, inputs[:1], tmp_path / "out", f"{number}/3")
    gather(tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


def test_shards_go_on_from_an_undivided_run_and_from_shards_that_were_gathered(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    for name in ("whole", "out"):
        run(concept, inputs[:4], tmp_path / name, ALL)
    run(concept, inputs[1:], tmp_path / "whole", ALL)
    done = [shard(concept, inputs[1:], tmp_path / "out", f"{i}/2") for i in (1, 2)]
    assert sum(d.resumed for d in done) == 3
    gather(tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")
    again = [shard(concept, inputs, tmp_path / "out", f"{i}/3") for i in (1, 2, 3)]
    assert sum(d.resumed for d in again) == 8  # the broken one is tried again
    gather(tmp_path / "out")
    run(concept, inputs, tmp_path / "whole", ALL)
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


def test_a_corrected_cue_set_is_told_apart_and_its_shards_redo_what_it_may_change(
    inputs: list[Path], tmp_path: Path
) -> None:
    root = tmp_path / "set"
    new_cueset(root, ["red"])
    add_cue(root, picture(tmp_path / "shown.png", 4), mask=mask(tmp_path / "m.png", [1] * 4 + [0] * 4))

    def run_as_it_is(out: Path, number: int | None) -> None:
        read = read_cueset(root)
        known = cuecast.load("colours").learn(read_examples(read), list(read.classes))
        part = None if number is None else Shard(number, 2)
        run(known, inputs, out, replace(ALL, shard=part), lineage=lineage(read))

    for out in ("whole", "out"):
        run_as_it_is(tmp_path / out, None)
    add_cue(root, inputs[3], mask=mask(tmp_path / "three.png", [1] * 3 + [0] * 5))
    run_as_it_is(tmp_path / "whole", None)
    for number in (1, 2):
        run_as_it_is(tmp_path / "out", number)
    gather(tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")
    assert {e.cueset_version for e in read_manifest(tmp_path / "out" / "manifest.jsonl")} == {2, 3}
    run_as_it_is(tmp_path / "out", 1)
    add_cue(root, inputs[5], mask=mask(tmp_path / "five.png", [1] * 5 + [0] * 3))
    with pytest.raises(OutputError, match="are of another concept"):
        run_as_it_is(tmp_path / "out", 2)


SCRIPT = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    sys.path[:0] = {tests!r}
    from test_images_run import learn, ALL
    from cuecast.core.shards import Shard
    from cuecast.runs.images import run
    from dataclasses import replace
    root = Path({root!r})
    inputs = sorted((root / "in").glob("*.png"))
    run(learn(root / "cues"), inputs, root / "out", replace(ALL, shard=Shard(1, 2)), lambda step: time.sleep(60))
    """
)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
def test_a_shard_is_held_by_one_process_and_goes_on_after_its_death(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    run(concept, inputs, tmp_path / "whole", ALL)
    out, folders = tmp_path / "out", [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    script = SCRIPT.format(tests=folders, root=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)
    part = out / "shards" / "1-of-2.part.jsonl"
    while not (part.exists() and part.read_bytes().count(b"\n")):
        assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.01)
    try:
        with pytest.raises(OutputError, match="another process works on shard 1/2"):
            shard(concept, inputs, out, "1/2")
        assert shard(concept, inputs, out, "2/2").counts["found"] == 2
        with pytest.raises(OutputError, match=r"1 of 2 shards are not whole: 1/2 \(running, 1 of 7 done\)"):
            gather(out)
        with pytest.raises(OutputError, match="another run is writing there"):
            run(concept, inputs, out, ALL)
    finally:
        process.kill()
        process.communicate()
    with open(part, "ab") as torn:
        torn.write(b'{"name": "p1')
    (out / "masks" / ".cuecast-0011223344556677.png").write_bytes(b"half")
    with pytest.raises(OutputError, match=r"1/2 \(stopped, 1 of 7 done\).*by number: 1"):
        gather(out)
    assert shard(concept, inputs, out, "1/2").resumed == 1
    gather(out)
    assert snapshot(out) == snapshot(tmp_path / "whole")


def test_a_shard_run_twice_and_one_started_anew_change_nothing(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    run(concept, inputs, tmp_path / "whole", ALL)
    for text in ("1/2", "2/2", "1/2"):
        last = shard(concept, inputs, tmp_path / "out", text)
    assert last.resumed == sum(last.counts.values()) - last.counts["failed"]
    shard(concept, inputs, tmp_path / "out", "2/2", replace(ALL, overwrite=True, workers=2))
    gather(tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


def test_gathering_that_was_stopped_goes_on(
    concept: Concept, inputs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(concept, inputs, tmp_path / "whole", ALL)
    for text in ("1/2", "2/2"):
        shard(concept, inputs, tmp_path / "out", text)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("check", "merge", "remove"):
        with monkeypatch.context() as patch:
            patch.setattr(Parts, name, killed)
            with pytest.raises(KeyboardInterrupt):
                gather(tmp_path / "out")
        with pytest.raises(OutputError, match="shards of a job that was divided are in it"):
            run(concept, inputs, tmp_path / "out", ALL)
    shard(concept, inputs, tmp_path / "out", "1/2")
    gather(tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


# --- what is refused, before any work


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("shards", "cut the job into 2, this one into 3"),
        ("cues", "are of another concept"),
        ("threshold", "are of another concept"),
        ("objects", "tell objects apart in another way"),
        ("options", r"have other options \(min_area\)"),
        ("inputs", r"another list of inputs \(9 there, 8 here\)"),
        ("order", "another list of inputs"),
    ],
)
def test_shards_of_another_job_are_refused(
    concept: Concept, inputs: list[Path], tmp_path: Path, what: str, said: str
) -> None:
    out = tmp_path / "out"
    shard(concept, inputs, out, "1/2")
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    known, given, options = concept, list(inputs), ALL
    known = learn(tmp_path / "others", 3) if what == "cues" else known
    known = concept.with_thresholds(0.7) if what == "threshold" else known
    known = concept.with_objects("split") if what == "objects" else known
    options = replace(ALL, min_area=5) if what == "options" else options
    given = inputs[1:] if what == "inputs" else inputs[::-1] if what == "order" else given
    with pytest.raises(OutputError, match=said) as caught:
        shard(known, given, out, "2/3" if what == "shards" else "2/2", options)
    assert caught.value.where == str(out)
    assert "same command" in (caught.value.remedy or "")
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_results_of_something_else_are_not_replaced_by_shards(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    run(learn(tmp_path / "others", 3), inputs, tmp_path / "out", ALL)
    (tmp_path / "drawn" / "masks").mkdir(parents=True)
    (tmp_path / "drawn" / "masks" / "p1.png").write_bytes(b"mine")
    for overwrite in (False, True):
        options = replace(ALL, overwrite=overwrite)
        with pytest.raises(OutputError, match="shards do not replace them"):
            shard(concept, inputs, tmp_path / "out", "1/2", options)
        with pytest.raises(OutputError, match=r"masks/p1\.png is there and no manifest says"):
            shard(concept, inputs, tmp_path / "drawn", "1/2", options)
    assert not (tmp_path / "out" / "shards").exists()
    assert not (tmp_path / "drawn" / "shards").exists()


def test_what_cannot_be_gathered_is_named(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    run(concept, inputs, tmp_path / "whole", ALL)
    with pytest.raises(OutputError, match="no shards are there: it holds results of an undivided run"):
        gather(tmp_path / "whole")
    with pytest.raises(OutputError, match="no shards are there; give the folder"):
        gather(tmp_path / "nowhere")
    out = tmp_path / "out"
    shard(concept, inputs, out, "3/12")
    with pytest.raises(OutputError, match=r"11 of 12 shards are not whole: 1/12 \(not begun\).* and 1 more"):
        gather(out)
    assert sorted(p.name for p in out.iterdir() if p.is_file()) == []
    with exclusive(out), pytest.raises(OutputError, match="another run is writing there"):
        shard(concept, inputs, out, "1/12")


def test_a_mask_that_was_changed_since_is_named_with_its_shard(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for text in ("1/2", "2/2"):
        shard(concept, inputs, out, text)
    number = 1 if Shard(1, 2).holds("p3") else 2
    mask(out / "masks" / "p3.png", [0] * 8)
    with pytest.raises(OutputError, match=f"the mask of p3 is gone, or was changed since shard {number}/2"):
        gather(out)
    again = shard(concept, inputs, out, f"{number}/2")
    assert [p.name for p in again.edited] == ["p3.png"]
    gather(out)
    assert (out / "edited" / "p3.png").exists()
    lines = whole_part(out, Shard(1, 2))
    assert not lines.exists()


def test_lines_that_are_lost_make_a_shard_a_damaged_one(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    for text in ("1/2", "2/2"):
        shard(concept, inputs, tmp_path / "out", text)
    lines = whole_part(tmp_path / "out", Shard(1, 2))
    lines.write_bytes(b"".join(lines.read_bytes().splitlines(keepends=True)[1:]))
    with pytest.raises(OutputError, match=r"1/2 \(damaged, 6 of 7 done\)"):
        gather(tmp_path / "out")


def test_of_two_plans_the_first_stays(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    shard(concept, inputs, tmp_path / "out", "1/2")
    place = tmp_path / "out" / "shards"
    before = (place / "plan.json").read_bytes()
    shards._make(place, shards.Plan(5, {"job": "images"}, []))
    assert (place / "plan.json").read_bytes() == before
    assert [p for p in place.parent.iterdir() if p.name.startswith(".cuecast")] == []


# --- what is kept of the concept


def test_a_concept_is_kept_exactly(tmp_path: Path) -> None:
    pixels = np.full((6, 8, 3), BLUE, np.uint8)
    pixels[:, :4] = (200, 30, 30)
    labels = np.zeros((6, 8), np.int32)
    labels[:, :4], labels[0, 7] = 2, -1
    ids = np.where(labels > 0, 7, 0).astype(np.int32)
    marks = [
        Marks((6, 8), labels, objects=ids),
        Marks(
            (6, 8), boxes=(Box((0, 0, 4, 6.0), 2),), points=(Point((1.25, 2)), Point((7, 1), 0)),
            scribbles=(Scribble(((0, 0), (3, 5.5)), 2, 2),),
        ),
        Marks((6, 8), absent=True),
    ]  # fmt: skip
    examples = [Example(Image(pixels + i, f"{i}.png"), m) for i, m in enumerate(marks)]
    infos = [ClassInfo(1, "one", "#123456", 0.4), ClassInfo(2, "two")]
    concept = cuecast.load("colours").learn(examples, infos, "pixel", "connected")
    keep_concept(tmp_path, concept)
    again = kept_concept(tmp_path)
    assert again.digest == concept.digest
    assert [e.content for e in again.examples] == [e.content for e in examples]
    assert (again.classes, again.scale, again.objects) == (concept.classes, "pixel", "connected")
    assert [e.image.name for e in again.examples] == ["0.png", "1.png", "2.png"]


# --- the command line


@pytest.fixture
def shown(tmp_path: Path, inputs: list[Path]) -> list[str]:
    """The flags of a job on the pictures in `in`, run in `tmp_path`."""
    picture(tmp_path / "a.png", 4)
    mask(tmp_path / "m.png", [1] * 4 + [0] * 4)
    return [inputs[0].parent.name, "--cue", "a.png=m.png", "--class", "red", "--pack", "colours", "-q"]


def test_the_command_line_divides_and_gathers(tmp_path: Path, shown: list[str]) -> None:
    assert command("segment", *shown, "-o", "whole", cwd=tmp_path).code == 3
    first = command("segment", *shown, "-o", "out", "--shard", "2/2", cwd=tmp_path)
    assert (first.code, first.out.splitlines()[0]) == (
        0,
        "shard 2/2: 2 images: 2 found, 0 doubtful, 0 absent",
    )
    assert first.out.splitlines()[-1] == "when all 2 are done: cuecast gather out"
    missing = command("gather", "out", cwd=tmp_path)
    assert missing.code == 1
    assert "1 of 2 shards are not whole: 1/2 (not begun)" in one_line(missing.err)
    second = command("segment", *shown, "-o", "out", "--shard", "1/2", "--json", cwd=tmp_path)
    assert (second.code, second.json["shard"], len(second.json["images"])) == (3, "1/2", 7)
    plain = command("segment", *shown, "-o", "out", cwd=tmp_path)
    assert (plain.code, "`cuecast gather` puts them together" in one_line(plain.err)) == (1, True)
    review = command("review", "out", cwd=tmp_path)
    assert (review.code, "cuecast gather" in one_line(review.err)) == (1, True)
    elsewhere = command("gather", tmp_path / "out", cwd=tmp_path / "in")
    assert (elsewhere.code, f"cd {tmp_path}" in one_line(elsewhere.err)) == (1, True)
    done = command("gather", "out", "-q", cwd=tmp_path)
    assert done.code == 3
    assert done.out.startswith("gathered: 9 images: 7 found, 0 doubtful, 1 absent, 1 failed\n")
    assert "in/p6.png: its content" in done.err
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


@pytest.mark.parametrize("text", ["0/8", "9/8", "x"])
def test_a_shard_that_is_none_is_wrong_usage(tmp_path: Path, shown: list[str], text: str) -> None:
    wrong = command("segment", *shown, "-o", "out", "--shard", text, cwd=tmp_path)
    assert wrong.code == 2
    assert text in one_line(wrong.err)
    assert not (tmp_path / "out").exists()


def test_results_of_shards_at_work_are_no_inputs(
    concept: Concept, inputs: list[Path], tmp_path: Path
) -> None:
    shard(concept, inputs, tmp_path / "in" / "out", "1/2")
    assert list_images([tmp_path / "in"], recursive=True) == inputs


def test_the_plan_says_in_words_what_the_job_is(concept: Concept, inputs: list[Path], tmp_path: Path) -> None:
    shard(concept, inputs, tmp_path / "out", "1/2")
    plan = json.loads((tmp_path / "out" / "shards" / "plan.json").read_text(encoding="utf-8"))
    assert (plan["job"], plan["shards"], plan["inputs"]["count"]) == ("images", 2, 9)
    assert "workers" not in plan["options"]
