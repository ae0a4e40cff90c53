"""A video into a folder: results, what a correction redoes, going on, foreign folders, missing encoders."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from films import GREEN, RED, film, read_ytvis, save_film, save_frames, square, still

import cuecast
from cuecast.core.errors import OutputError
from cuecast.core.ordered import Step
from cuecast.io.video import file as video_overlay
from cuecast.io.video.file import open_video
from cuecast.predictor import Concept
from cuecast.results.gather import read_result
from cuecast.results.manifest import read_frames
from cuecast.runs import video as folder
from cuecast.runs.video import TrackOptions, TrackSummary, track_into

COUNT = 20
FILM = film(COUNT, lambda i: (10 + i % 3, 2 * i))
QUICK = TrackOptions(formats=())


def learn(*marked: int) -> Concept:
    cues = [cuecast.Cue(FILM[i], mask=square((10 + i % 3, 2 * i))) for i in marked]
    return cuecast.load("colours").learn(cues, classes=["red"])


def run(out: Path, *marked: int, options: TrackOptions = QUICK, frames: object = FILM) -> TrackSummary:
    concept = learn(*marked)
    return track_into(concept, frames, out, dict(zip(marked, concept.examples, strict=True)), options)


def snapshot(out: Path) -> dict[str, object]:
    """Every file, the manifest without the seconds that its answers took."""
    files: dict[str, object] = {
        p.relative_to(out).as_posix(): p.read_bytes() for p in out.rglob("*") if p.is_file()
    }
    entries = read_frames(out / "manifest.jsonl").values()
    return {**files, "manifest.jsonl": [replace(e, seconds=None) for e in entries]}


def written(out: Path) -> dict[int, int]:
    """When the mask of each frame was written."""
    return {i: (out / f"masks/{i:06d}.png").stat().st_mtime_ns for i in range(COUNT)}


def redone(out: Path, before: dict[int, int]) -> list[int]:
    """Frames whose masks were written since."""
    return [i for i, at in written(out).items() if at != before[i]]


def test_what_earlier_runs_wrote_tells_no_other_story_than_the_masks(tmp_path: Path) -> None:
    run(tmp_path, 4, options=TrackOptions())
    video = (tmp_path / "overlay.mp4").read_bytes()
    nothing = [cuecast.Cue(FILM[0], absent=True), cuecast.Cue(FILM[4], mask=square((10 + 4 % 3, 8)))]
    concept = cuecast.load("colours").learn(nothing, classes=["scarlet"])
    marked = dict(zip((0, 4), concept.examples, strict=True))
    summary = track_into(concept, FILM, tmp_path, marked, TrackOptions(formats=("csv",), overwrite=True))
    assert set(summary.files) == {"manifest", "masks", "overlay", "ytvis", "csv"}
    assert read_ytvis(tmp_path / "annotations.ytvis.json")[1] == ["scarlet"]
    assert (tmp_path / "overlay.mp4").read_bytes() != video


def test_every_output_holds_the_known_answer(tmp_path: Path) -> None:
    video = save_film(tmp_path / "film.mp4", FILM, milliseconds=[50 * i + 10 * (i % 2) for i in range(COUNT)])
    out = tmp_path / "out"
    summary = run(out, 4, frames=video, options=TrackOptions())
    assert summary.counts == {"found": COUNT, "doubtful": 0, "absent": 0}
    assert (summary.resumed, summary.broken, summary.note) == (0, None, None)
    assert set(summary.files) == {"manifest", "masks", "overlay", "ytvis", "csv"}
    assert all(path.exists() for path in summary.files.values())
    truth = [square((10 + i % 3, 2 * i)) for i in range(COUNT)]
    assert all((read_result(out / f"masks/{i:06d}.png") == truth[i]).all() for i in range(COUNT))

    found, classes = read_ytvis(out / "annotations.ytvis.json")
    assert classes == ["red"]
    assert all((f == t).all() for f, t in zip(found, truth, strict=True))

    rows = list(csv.DictReader((out / "objects.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == COUNT
    assert {k: rows[3][k] for k in ("frame", "name", "class", "class_id", "verdict", "area", "pieces")} == {
        "frame": "3", "name": "000003", "class": "red", "class_id": "1", "verdict": "found", "area": "144",
        "pieces": "1",
    }  # fmt: skip
    assert [rows[3][k] for k in ("seconds", "x1", "y1", "x2", "y2")] == ["0.16", "6", "10", "18", "22"]
    assert [rows[3][k] for k in ("centroid_x", "centroid_y", "touches_border")] == ["12.0", "16.0", "false"]
    assert rows[0]["touches_border"] == "true"

    drawn = open_video(out / "overlay.mp4")
    assert drawn.seconds == pytest.approx(open_video(video).seconds, abs=2e-3)
    entries = read_frames(out / "manifest.jsonl")
    assert list(entries) == list(range(COUNT))
    assert [i for i, e in entries.items() if e.marked] == [4]
    assert (entries[7].verdicts, entries[7].areas, entries[7].shown) == ({1: "found"}, {1: 144}, 0.36)


def test_a_second_run_does_nothing_and_a_correction_redoes_its_gap_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, 0, 10)
    before = written(out)
    assert run(out, 0, 10).resumed == COUNT
    assert redone(out, before) == []
    summary = run(out, 0, 5, 10)
    assert redone(out, before) == list(range(1, 10))
    assert summary.resumed == COUNT - 9
    run(tmp_path / "new", 0, 5, 10)
    assert snapshot(out) == snapshot(tmp_path / "new")


def test_a_mark_that_the_next_ones_answer_depends_on_redoes_its_frames(tmp_path: Path) -> None:
    """Frame 10 shows class 1 alone and learns class 2 from the nearest mark, 5; frames 11 to 15 start from 10."""
    green, white = ((30, 6), GREEN), ((4, 44), (250, 250, 250))
    frames = [still(green, white) for _ in range(24)]
    for index in (*range(6, 20),):
        frames[index] = still(green, white, ((10, 20), RED), *([((34, 48), GREEN)] if index > 10 else []))

    def follow(out: Path, at_five: tuple[int, int]) -> None:
        cues = [
            cuecast.Cue(frames[5], mask=square(at_five, 2)),
            cuecast.Cue(frames[10], boxes=[(18, 8, 34, 24, 1)]),
            cuecast.Cue(frames[20], mask=square((30, 6), 2)),
        ]
        concept = cuecast.load("colours").learn(cues, classes=["red", "other"])
        track_into(concept, frames, out, dict(zip((5, 10, 20), concept.examples, strict=True)), QUICK)

    follow(tmp_path / "out", (30, 6))
    before = (tmp_path / "out/masks/000012.png").read_bytes()
    follow(tmp_path / "out", (4, 44))
    follow(tmp_path / "new", (4, 44))
    assert (tmp_path / "new/masks/000012.png").read_bytes() != before
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "new")


@pytest.mark.parametrize(("stopped", "resumed"), [(9, 7 + 0), (18, 11 + 6)])
def test_a_stopped_run_goes_on_and_gives_the_same_bytes(
    stopped: int, resumed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marks on 0 and 10: frame 0, then 1 to 5, 10, back from 9 to 6, on from 11 to 19; a state is kept on 4, 8, ..."""
    monkeypatch.setattr(folder, "KEPT_EVERY", 4)
    out = tmp_path / "out"
    concept = learn(0, 10)
    marked = dict(zip((0, 10), concept.examples, strict=True))

    def stop(step: Step) -> None:
        if step.done == stopped:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        track_into(concept, FILM, out, marked, QUICK, stop)
    assert len(list((out / "masks").iterdir())) == stopped
    assert track_into(concept, FILM, out, marked, QUICK).resumed == resumed
    run(tmp_path / "new", 0, 10)
    assert snapshot(out) == snapshot(tmp_path / "new")


def test_a_kept_state_of_other_marks_or_without_its_masks_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "KEPT_EVERY", 4)
    concept = learn(0)
    marked = {0: concept.examples[0]}

    def stop(step: Step) -> None:
        if step.done == 14:
            raise KeyboardInterrupt

    for name in ("other", "gone", "torn"):
        with pytest.raises(KeyboardInterrupt):
            track_into(concept, FILM, tmp_path / name, marked, QUICK, stop)
        assert (tmp_path / name / "state.npz").is_file()
    assert run(tmp_path / "other", 1).resumed == 0
    (tmp_path / "gone/masks/000003.png").unlink()
    assert run(tmp_path / "gone", 0).resumed == 1
    (tmp_path / "torn/state.npz").write_bytes(b"PK torn")
    assert run(tmp_path / "torn", 0).resumed == 1
    assert not (tmp_path / "torn/state.npz").exists()


def test_a_mask_changed_by_hand_is_redone_and_kept_aside(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, 0)
    drawn = (out / "masks/000003.png").read_bytes()
    (out / "masks/000007.png").write_bytes(drawn)
    assert str(run(out, 0).note).endswith("edited: 000007.png")
    assert (out / "edited/000007.png").read_bytes() == drawn
    assert (read_result(out / "masks/000007.png") == square((11, 14))).all()


def test_results_of_another_video_are_not_replaced_unasked(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, 0)
    concept = learn(0)
    other = FILM[:5]
    with pytest.raises(
        OutputError, match=r"results of another video, .*; choose another folder, or --overwrite"
    ):
        track_into(concept, other, out, {0: concept.examples[0]}, QUICK)
    track_into(concept, other, out, {0: concept.examples[0]}, replace(QUICK, overwrite=True))
    assert len(list((out / "masks").iterdir())) == 5
    (tmp_path / "drawn" / "masks").mkdir(parents=True)
    (tmp_path / "drawn" / "masks" / "a.png").write_bytes(b"by hand")
    with pytest.raises(OutputError, match=r"masks/a\.png is there and no manifest says where it comes from"):
        run(tmp_path / "drawn", 0)


def test_the_results_of_a_batch_are_not_replaced_unasked(tmp_path: Path) -> None:
    from cuecast.runs.images import BatchOptions
    from cuecast.runs.images import run as run_batch

    paths = save_frames(tmp_path / "in", FILM[:2])
    run_batch(learn(0), paths, tmp_path / "out", BatchOptions(formats=()))
    with pytest.raises(
        OutputError, match=r"it holds results of single images, not of a video, for .*f0\.png"
    ):
        run(tmp_path / "out", 0)
    (tmp_path / "out/masks/f1.png").write_bytes(b"by hand")
    summary = run(tmp_path / "out", 0, options=replace(QUICK, overwrite=True))
    assert [p.name for p in summary.edited] == ["f1.png"]
    assert len(read_frames(tmp_path / "out/manifest.jsonl")) == COUNT
    assert len(list((tmp_path / "out/masks").iterdir())) == COUNT


def test_without_an_encoder_the_overlays_are_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_overlay, "ENCODERS", ("nosuch",))
    summary = run(tmp_path / "out", 0, options=TrackOptions(formats=("overlay",)))
    assert summary.files["overlay"] == tmp_path / "out" / "overlays"
    assert len(list((tmp_path / "out" / "overlays").iterdir())) == COUNT
    assert "no encoder for MP4" in str(summary.note)


def test_a_break_is_passed_on(tmp_path: Path) -> None:
    save_frames(tmp_path / "in", FILM)
    (tmp_path / "in" / "f6.png").write_bytes(b"broken")
    summary = run(tmp_path / "out", 0, frames=tmp_path / "in")
    assert sum(summary.counts.values()) == 6
    assert "frame 6 is broken" in str(summary.broken)


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="format 'pdf' is unknown; known are overlay, ytvis, csv"):
        run(tmp_path / "out", 0, options=TrackOptions(formats=("pdf",)))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_a_disk_that_is_too_small_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cuecast.io.files.shutil.disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 100))
    with pytest.raises(OutputError, match=r"MB are needed there and 0\.0 MB are free"):
        run(tmp_path / "out", 5)
    assert not (tmp_path / "out").exists()


def test_a_file_that_cannot_be_written_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def fail(path: Path, *_: object) -> None:
            raise OutputError(f"{path.name}: no space")

        patch.setattr(folder, "write_video", fail)
        with pytest.raises(OutputError, match=r"^overlay\.mp4: no space \(all else is written\)$"):
            run(tmp_path, 4, options=TrackOptions())
    assert (tmp_path / "annotations.ytvis.json").is_file()
    assert (tmp_path / "objects.csv").is_file()
    assert run(tmp_path, 4, options=TrackOptions()).resumed == COUNT
    assert (tmp_path / "overlay.mp4").is_file()
