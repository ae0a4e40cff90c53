"""`cuecast map` from end to end with the exact pack."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from commands import cuecast, one_line
from PIL import Image

from cuecast.cli import map as command
from cuecast.cli import run

rasterio = pytest.importorskip("rasterio")
pytest.importorskip("pyogrio")
pytest.importorskip("shapely")

from map_pictures import THINGS, painted, read_band, truth, write_map  # noqa: E402

from cuecast.mosaic.features import MAP_FORMATS  # noqa: E402

CUE = "0,0,60,50=mask.png"
QUICK = ["--pack", "colours", "-q", "--tile", "256"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: ortho.tif with `THINGS`, and mask.png of its first 60 x 50 pixels."""
    write_map(tmp_path / "ortho.tif", painted(truth()))
    Image.fromarray(truth()[:50, :60] * 255).save(tmp_path / "mask.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_a_map_from_a_window_of_itself() -> None:
    done = cuecast("map", "ortho.tif", "--cue-window", CUE, "-o", "out", "--pack", "colours", cwd=Path.cwd())
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == "found (1.00): 4 objects in 4 tiles: 4 found"
    places = dict(line.split(maxsplit=1) for line in lines[1:])
    assert set(places) == {"mask", "scores", "manifest", "csv", "geojson", "gpkg"}
    assert all(Path(p).is_file() for p in places.values())
    assert done.err.splitlines()[-1].startswith("tiles: 4/4, ")
    assert (read_band(Path("out/mask.tif")) == truth()).all()


def test_of_classes_of_qupath_the_asked_one_is_taken(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slide = cases / "map_qupath_classes" / "slide.ome.tif"
    areas = {}
    for flags in (["--class", "Tumor"], ["--class", "Stroma"], []):
        out = str(tmp_path / "_".join(["out", *flags[1:]]))
        command = [
            "map",
            str(slide),
            "--polygons",
            str(slide.with_name("qupath.geojson")),
            "-o",
            out,
            "-f",
            "csv",
        ]
        assert run([*command, *flags, *QUICK, "--json"]) == 0
        areas["".join(flags[1:])] = json.loads(capsys.readouterr().out)["areas"]
    assert len(areas[""]) == 2
    assert [areas["Tumor"]["1"], areas["Stroma"]["1"]] == [areas[""]["1"], areas[""]["2"]]


@pytest.mark.usefixtures("folder")
def test_its_own_polygons_are_cues(capsys: pytest.CaptureFixture[str]) -> None:
    """What one run has written, corrected or not, shows the thing to the next."""
    assert run(["map", "ortho.tif", "--cue-window", CUE, "--class", "roof", "-o", "out", *QUICK]) == 0
    for file in ("out/polygons.geojson", "out/polygons.gpkg"):
        capsys.readouterr()
        assert run(["map", "ortho.tif", "--polygons", file, "-o", f"{file}.out", *QUICK, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["objects"], found["areas"], found["verdict"]) == (4, {"1": int(truth().sum())}, "found")
    assert rasterio.open("out/polygons.gpkg.out/mask.tif").tags()["class_1"] == "roof"


@pytest.mark.usefixtures("folder")
def test_a_cue_on_another_image_and_an_empty_window() -> None:
    Image.fromarray(painted(truth()[:50, :60])).save("other.png")
    assert run(["map", "ortho.tif", "--cue", "other.png=mask.png", "-o", "out", *QUICK]) == 0
    assert (read_band(Path("out/mask.tif")) == truth()).all()


@pytest.mark.usefixtures("folder")
def test_only_the_formats_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["map", "ortho.tif", "--cue-window", CUE, "-o", "out", "-f", "none", *QUICK, "--json"]) == 0
    assert sorted(p.name for p in Path("out").iterdir()) == ["manifest.jsonl", "mask.tif", "scores.tif"]
    assert json.loads(capsys.readouterr().out)["objects"] == 4
    assert run(["map", "ortho.tif", "--cue-window", CUE, "-o", "out", "-f", "csv", *QUICK, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["resumed"] == 12
    assert Path("out/objects.csv").is_file()


@pytest.mark.usefixtures("folder")
def test_a_damaged_tile_gives_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(Path("ortho.tif").read_bytes())
    with rasterio.open("ortho.tif") as found:
        at = int(found.get_tag_item("BLOCK_OFFSET_8_8", "TIFF", bidx=1))
    data[at + 2 : at + 12] = b"\xff" * 10
    Path("ortho.tif").write_bytes(data)
    assert run(["map", "ortho.tif", "--cue-window", CUE, "-o", "out", *QUICK]) == 3
    err = capsys.readouterr().err
    assert err.startswith("cuecast: failed: ortho.tif: columns 384 to 640, rows 384 to 600 cannot be decoded")
    assert err.count("\n") == 1


@pytest.mark.usefixtures("folder")
def test_a_raster_without_crs_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    write_map(Path("plain.tif"), painted(truth()), crs=None, transform=None)
    assert run(["map", "plain.tif", "--cue-window", CUE, "-o", "out", *QUICK]) == 0
    assert capsys.readouterr().err == (
        "cuecast: note: plain.tif: it states no coordinate reference system: areas and polygons are in pixels\n"
    )


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        ([], 2, "nothing shows the thing"),
        (["--cue-window", "1,2,3=mask.png"], 2, "x1,y1,x2,y2[=MASK] is expected"),
        (["--cue-window", "50,0,10,50=mask.png"], 2, "x1 must be below x2"),
        (["--cue-window", "0,0,60,50"], 2, "a mask is missing"),
        (["--cue-window", "0,0,60,50=none.png"], 1, "none.png"),
        (["--cue-window", "0,0,10,10=mask.png"], 1, "60 wide"),
        (["--cue-window", "690,0,750,50=mask.png"], 1, "reaches outside ortho.tif"),
        (["--polygons", "none.gpkg"], 1, "there is no such file of polygons"),
        (
            ["--point", "mask.png=1,1", "--value", "3"],
            2,
            "--value: it chooses among the values of --cue masks",
        ),
        (["--cue-window", CUE, "--bands", "1,2"], 2, "three band numbers"),
        (["--cue-window", CUE, "--bands", "9"], 1, "it has 1 to 3"),
        (["--cue-window", CUE, "--level", "3"], 1, "level 3 cannot be opened"),
        (["--cue-window", CUE, "--window", "5"], 2, "two numbers LOW,HIGH"),
        (["--cue-window", CUE, "--format", "shp"], 2, "choose from csv, geojson, gpkg, none"),
        (["--cue-window", CUE, "--overlap", "200"], 1, "the overlap is at most half"),
    ],
)
def test_wrong_usage(flags: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["map", "ortho.tif", "-o", "out", *QUICK, *flags]) == code
    assert said in one_line(capsys.readouterr().err)
    assert not Path("out/mask.tif").exists()


def test_the_formats_are_those_of_the_library() -> None:
    assert command.FORMATS == MAP_FORMATS


def test_an_installation_without_the_extra_is_told_so(folder: Path) -> None:
    (folder / "hidden").mkdir()
    (folder / "hidden/rasterio.py").write_text("raise ImportError('not here')")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(folder / "hidden")
    try:
        done = cuecast("map", "ortho.tif", "--cue-window", CUE, "-o", "out", "--pack", "colours", cwd=folder)
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)
    assert done.code == 1
    assert "pip install 'cuecast[maps]'" in one_line(done.err)


def test_truth_is_what_the_tests_speak_of() -> None:
    assert len(THINGS) == 5
    assert np.array_equal(np.unique(truth()), [0, 1])
