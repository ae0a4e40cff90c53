"""`cuecast track` from end to end with the exact pack, with wrong flags and broken videos too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from commands import cuecast, one_line
from films import GREEN, RED, film, save_film, save_frames, square, still
from PIL import Image

from cuecast.cli import run, track
from cuecast.cuesets.cueset import read_cueset
from cuecast.io.files import file_digest
from cuecast.results.gather import read_result
from cuecast.runs import video as folder

QUICK = ["--pack", "colours", "-q", "-f", "none", "-o", "out"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: film.mp4 and frames/, a red square that moves down; m0.png and m4.png, its masks."""
    frames = film(8, lambda i: (2 * i, 20))
    save_film(tmp_path / "film.mp4", frames)
    save_frames(tmp_path / "frames", frames)
    for i in (0, 4):
        Image.fromarray(square((2 * i, 20)).astype(np.uint8)).save(tmp_path / f"m{i}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def follows(out: str = "out", name: str = "{:06d}") -> list[int]:
    """Frames whose mask is the square at its place."""
    found = [read_result(Path(out, "masks", name.format(i) + ".png")) for i in range(8)]
    return [i for i, mask in enumerate(found) if (mask == square((2 * i, 20))).all()]


@pytest.mark.usefixtures("place")
def test_a_video_from_one_marked_frame() -> None:
    done = cuecast("track", "film.mp4", "--cue", "4=m4.png", "-o", "out", "--pack", "colours", cwd=Path.cwd())
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "8 frames: 8 found, 0 doubtful, 0 absent"
    places = dict(line.split(maxsplit=1) for line in lines[1:])
    assert set(places) == {"manifest", "masks", "overlay", "ytvis", "csv"}
    assert all(Path(p).exists() for p in places.values())
    assert done.err.splitlines()[-1].startswith("frames: 8/8, ")
    assert follows() == list(range(8))


@pytest.mark.usefixtures("place")
def test_provenance_names_the_film_by_its_bytes() -> None:
    assert run(["track", "film.mp4", "-c", "0=m0.png", "--provenance", *QUICK]) == 0
    graph = json.loads(Path("out/provenance.jsonld").read_text(encoding="utf-8"))["@graph"]
    assert graph[0] == {
        "@id": "#source",
        "@type": "Entity",
        "name": "film.mp4",
        "sha256": file_digest("film.mp4"),
    }


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    "marks",
    [
        ["--box", "0=20,0,32,12"],
        ["--point", "4=25,12"],
        ["--scribble", "0=22,4;30,4"],
        ["-c", "0=m0.png", "-c", "4=m4.png"],
    ],
)
def test_every_kind_of_mark(marks: list[str]) -> None:
    assert run(["track", "film.mp4", *marks, *QUICK]) == 0
    assert follows() == list(range(8))


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("name", ["f4", "f4.png", "4"])
def test_frames_of_a_folder_are_named_by_file_or_number(name: str) -> None:
    assert run(["track", "frames", "-c", f"{name}=m4.png", *QUICK]) == 0
    assert follows(name="f{}") == list(range(8))


@pytest.fixture
def cueset(place: Path) -> Path:
    """What is red on another picture."""
    Image.fromarray(still(((20, 30), RED))).save(place / "other.png")
    Image.fromarray(square((20, 30)).astype(np.uint8)).save(place / "other_mask.png")
    assert run(["cues", "new", "things", "--class", "red"]) == 0
    assert run(["cues", "add", "things", "--image", "other.png", "--mask", "other_mask.png"]) == 0
    return Path("things")


def test_several_videos_divided_or_not_give_the_same_tables(
    cueset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_film(Path("second.mp4"), film(4, lambda i: (2 * i, 30)))
    given = ["film.mp4", "second.mp4", "frames", "--cues", str(cueset), "--pack", "colours", "-q"]
    given += ["--scale", "pixel", "-f", "csv", "--provenance", "-o"]
    capsys.readouterr()
    assert run(["track", *given, "whole"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "3 videos: 3 found, 0 doubtful, 0 absent"
    assert follows("whole/film") == list(range(8))
    for i in (2, 1):
        assert run(["track", *given, "parts", "--shard", f"{i}/2"]) == 0
        assert f"shard {i}/2: " in capsys.readouterr().out
    assert run(["gather", "parts", "-q"]) == 0
    told = [Path(out, "film", "provenance.jsonld").read_bytes() for out in ("whole", "parts")]
    assert told[0] == told[1]
    graph = {node["@id"]: node for node in json.loads(told[0])["@graph"]}
    (version,) = [node for name, node in graph.items() if name.startswith("urn:cuecast:cueset:")]
    assert version["digest"] == read_cueset(cueset).digest()
    assert version["@id"] in graph["#segment-000003"]["used"]
    assert capsys.readouterr().out.startswith("gathered: 3 films: 3 found")
    for table in ("films.csv", "objects.csv", "film/objects.csv"):
        assert Path("parts", table).read_bytes() == Path("whole", table).read_bytes()
    (Path("frames") / "f5.png").write_text("broken")
    assert run(["track", *given, "broken"]) == 3
    assert "frame 5 is broken" in capsys.readouterr().err


@pytest.mark.usefixtures("cueset")
@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["film.mp4", "frames", "-c", "0=m0.png"], "marks are of one file, and several are given"),
        (["film.mp4", "--shard", "1/2", "--cues", "things", "--box", "0=1,1,9,9"], "a shard of several"),
        (["film.mp4", "frames", "--cues", "things", "--name", "{x}"], "use {stem}, {suffix}"),
    ],
)
def test_what_does_not_go_with_several_is_wrong_usage(
    args: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["track", *args, "-o", "out"]) == 2
    assert says in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.usefixtures("place")
def test_a_cue_set_made_on_another_picture(capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(still(((20, 30), RED), size=(60, 80))).save("other.png")
    Image.fromarray(square((20, 30), size=(60, 80)).astype(np.uint8)).save("other_mask.png")
    assert run(["cues", "new", "reds", "--class", "red"]) == 0
    assert run(["cues", "add", "reds", "-c", "other.png=other_mask.png"]) == 0
    capsys.readouterr()
    assert run(["track", "film.mp4", "--cues", "reds", *QUICK, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["counts"], told["broken"]) == ({"found": 8, "doubtful": 0, "absent": 0}, None)
    assert follows() == list(range(8))


def test_deep_frames_through_one_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By their own percentiles, what is 1,000 would be as bright as what is 3,000 in another frame."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for i, value in enumerate((3000, 1000, 3000)):
        tifffile.imwrite(f"in/f{i}.tif", square((4, 8 + i), value).astype(np.uint16))
    Image.fromarray(square((4, 8)).astype(np.uint8)).save("m0.png")
    assert run(["frames", "in", "0", "1", "-o", "drawn", "--window", "0,3000"]) == 0
    shown = [np.unique(np.asarray(Image.open(f"drawn/f{i}.png"))).tolist() for i in (0, 1)]
    assert shown == [[0, 255], [0, 85]]
    command = ["track", "in", "-c", "0=m0.png", *QUICK]
    assert run([*command, "--window", "0,3000"]) == 0
    assert (read_result(Path("out/masks/f2.png")) == square((4, 10))).all()
    assert run([*command, "--window", "0,2000"]) == 1
    assert "results of another video" in one_line(capsys.readouterr().err)


def test_two_objects_by_boxes_with_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_frames(tmp_path / "in", [still(((4, 4 + i), RED), ((30, 40 - i), GREEN)) for i in range(5)])
    flags = ["--class", "red", "--class", "green", "--box", "0=4,4,16,16,red", "--box", "0=40,30,52,42,green"]
    assert run(["track", "in", *flags, "--pack", "colours", "-q", "-o", "out", "-f", "csv"]) == 0
    assert (read_result(Path("out/masks/f4.png")) == square((4, 8)) + square((30, 36), 2)).all()
    rows = Path("out/objects.csv").read_text().splitlines()
    assert [row.split(",")[:6] for row in rows[-2:]] == [
        ["4", "", "f4", "red", "1", "found"],
        ["4", "", "f4", "green", "2", "found"],
    ]


@pytest.mark.usefixtures("place")
def test_a_broken_frame_is_named_and_those_before_it_are_done() -> None:
    Path("frames/f5.png").write_bytes(b"broken")
    done = cuecast("track", "frames", "-c", "0=m0.png", *QUICK, cwd=Path.cwd())
    assert done.code == 3
    assert done.out.startswith("5 frames: 5 found")
    assert done.err.startswith("cuecast: failed: frames: frame 5 is broken: ")
    assert done.err.endswith("; the frames before it are done\n")
    assert len(list(Path("out/masks").iterdir())) == 5


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        ([], 2, "nothing shows the thing: give --cue FRAME=MASK"),
        (["-c", "m0.png"], 2, "--cue 'm0.png': FRAME=MASK is expected, as in --cue 0=first.png"),
        (["-c", "0=none.png"], 1, "none.png: there is no such mask file (from --cue '0=none.png')"),
        (["-c", "8=m0.png"], 1, "film.mp4: there is no frame '8', only 0 to 7; correct the number"),
        (["-c", "x=m0.png"], 1, "there is no frame 'x'"),
        (["-c", "0=m0.png", "-c", "0=m4.png"], 2, "frame 0 has a mask already"),
        (["-c", "0=m0.png", "-c", "000000=m4.png"], 2, "a frame is named in two ways"),
        (["--box", "0=1,2,3"], 2, "--box '0=1,2,3': FRAME=x1,y1,x2,y2[,class] is expected"),
        (["--box", "0=1,2,3,4,cat"], 2, "class 'cat' is unknown"),
        (["--point", "0=99,5"], 1, "point (99.0, 5.0) is outside the image"),
        (["-c", "0=m0.png", "--absent", "0"], 2, "--absent '0': another flag marks the thing on this frame"),
        (["--absent", "0"], 1, "all cues say 'absent' or 'not this'"),
        (
            ["-c", "0=m0.png", "-f", "pdf"],
            2,
            "--format 'pdf' is unknown; choose from overlay, ytvis, csv, none",
        ),
        (["--box", "0=20,0,32,12", "--value", "3"], 2, "--value: it chooses among the values of --cue"),
        (["-c", "0=m0.png", "--window", "0,9"], 1, "a window is for pictures of more than 8 bits"),
        (["-c", "0=m0.png", "--rate", "0"], 2, "--rate 0: a number of frames a second above 0"),
    ],
)
def test_wrong_flags_are_one_line_and_leave_nothing(
    flags: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["track", "film.mp4", "--pack", "colours", "-q", "-o", "out", *flags]) == code
    assert said in one_line(capsys.readouterr().err)
    assert not Path("out").exists()


@pytest.mark.usefixtures("place")
def test_wrong_videos_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.mp4").write_bytes(b"no video at all")
    for video, said in (
        ("none.mp4", "none.mp4: there is no such video or folder of frames; check the name"),
        ("bad.mp4", "bad.mp4: cannot be read as a video"),
        ("m0.png", "m0.png: this is one picture, not a video"),
    ):
        assert run(["track", video, "-c", "0=m0.png", *QUICK]) == 1
        assert said in one_line(capsys.readouterr().err)
    assert not Path("out").exists()


def test_the_formats_of_the_help_are_those_of_the_library() -> None:
    assert track.FORMATS == folder.FORMATS


@pytest.mark.usefixtures("place")
def test_frames_are_written_to_be_marked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["frames", "film.mp4", "0", "5", "-o", "stills"]) == 0
    assert capsys.readouterr().out.split() == ["stills/000000.png", "stills/000005.png"]
    with Image.open("stills/000005.png") as opened:
        assert (np.asarray(opened) == film(8, lambda i: (2 * i, 20))[5]).all()
    assert run(["frames", "frames", "f3", "-o", "stills"]) == 0
    assert run(["frames", "film.mp4", "9", "-o", "stills"]) == 1
    assert "there is no frame '9', only 0 to 7" in one_line(capsys.readouterr().err)
