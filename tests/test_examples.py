"""The programs in examples/ run, with the pack `colours`, and say what is right."""

from __future__ import annotations

import http.client
import json
import runpy
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from snippets import make_pictures

import cuecast
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.io.labels.label_studio_brush import decode_brush

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *args: str, cwd: Path) -> str:
    """Stdout of an example."""
    command = [sys.executable, str(EXAMPLES / name), *args]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_pictures(tmp_path)
    return tmp_path


def test_every_example_is_tested() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    assert [p.name for p in sorted(EXAMPLES.glob("*.py")) if f'run("{p.name}"' not in here] == []


def test_folder(folder: Path) -> None:
    out = run("folder.py", "photos/001.png", "marks/001.png", "photos", "out", "colours", cwd=folder)
    assert out.splitlines() == [
        f"001.png  found  1.00  {64 * 48} pixels",
        f"002.png  found  1.00  {64 * 32} pixels",
        f"003.png  found  1.00  {64 * 64} pixels",
        "004.png  absent  1.00  0 pixels",
    ]
    assert (np.asarray(Image.open(folder / "out" / "002.png")) == 1).sum() == 64 * 32


def test_correct(folder: Path) -> None:
    """The first click finds the red, the second blue as well, the third takes the red back. Clicks of the thing alone
    whose answer is half of the picture or more are doubtful."""
    clicks = ("10,10", "90,10", "20,20,0")
    out = run("correct.py", "photos/001.png", *clicks, "--pack", "colours", cwd=folder)
    # What was clicked stays as it was clicked: pixel (10, 10) is of the thing though red no longer is.
    assert out.splitlines() == [
        f"1 clicks: {64 * 48} pixels, doubtful",
        f"2 clicks: {64 * 96} pixels, doubtful",
        f"3 clicks: {64 * 48 + 1} pixels, found",
    ]


def test_measure(folder: Path) -> None:
    out = run("measure.py", "photos/001.png", "marks/001.png", "photos/002.png", "colours", cwd=folder)
    assert out.startswith(f"thing  area {64 * 32}  box (0, 0, 32, 64)  length ")
    assert out.endswith("touches the border\n")
    assert out.count("\n") == 1


def test_demo(tmp_path: Path) -> None:
    out = run("demo.py", "--pack", "colours", "--out", "results", cwd=tmp_path)
    for scene in ("coins", "tissue"):
        assert f"-o results/{scene}" in out
        assert len(list((tmp_path / "results" / scene / "masks").glob("*.png"))) == 3
        assert (tmp_path / "results" / scene / "report.html").is_file()


@pytest.fixture
def cueset(folder: Path) -> Path:
    """coins/, a cue set of the red of 001.png."""
    for line in (
        ["new", "coins", "--class", "coin"],
        ["add", "coins", "--cue", "photos/001.png=marks/001.png"],
    ):
        command = [sys.executable, "-m", "cuecast", "cues", *line]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder / "coins"


def loaded(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / name))


def test_label_studio_backend(cueset: Path) -> None:
    folder = cueset.parent
    tasks = [{"id": 5, "data": {"image": f"/data/upload/1/0a1b2c3d-{n:03d}.png"}} for n in (2, 4)]
    (folder / "tasks.json").write_text(json.dumps(tasks))
    asked = ("coins", "photos", "--pack", "colours", "--tasks", "tasks.json")
    out = run("label_studio_backend.py", *asked, cwd=folder)
    first, second = json.loads(out)
    assert (first["id"], second["predictions"][0]["result"]) == (5, [])
    (stroke,) = first["predictions"][0]["result"]
    assert stroke["value"]["brushlabels"] == ["coin"]
    assert decode_brush(stroke["value"]["rle"], (64, 96)).sum() == 64 * 32


@pytest.mark.parametrize("tag", ["BrushLabels", "PolygonLabels"])
def test_label_studio_backend_over_http(tag: str, cueset: Path) -> None:
    """All that Label Studio asks; its own library finds the predictions right, where it is installed."""
    example, folder = loaded("label_studio_backend.py"), cueset.parent
    concept = cuecast.load("colours").learn(read_examples(read_cueset(cueset)), ["coin"])
    backend = example["Backend"](concept, folder / "photos")
    handler = type("Tried", (example["Handler"],), {"backend": backend, "log_message": lambda *_: None})
    labels = f'<{tag} name="what" toName="pic"><Label value="coin"/></{tag}>'
    config = f'<View><Image name="pic" value="$image"/>{labels}</View>'
    task = {"id": 1, "data": {"image": "s3://bucket/002.png"}}

    def ask(path: str, body: object = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        connection.request(
            "GET" if body is None else "POST", path, None if body is None else json.dumps(body)
        )
        reply = connection.getresponse()
        read = json.loads(reply.read())
        connection.close()
        return reply.status, read

    with example["ThreadingHTTPServer"](("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert ask("/health")[1]["status"] == "UP"
        assert ask("/setup", {"schema": config})[1]["model_version"].startswith("cuecast ")
        status, said = ask("/predict", {"tasks": [task], "label_config": config})
        assert ask("/nothing")[0] == 404
        (folder / "cues.png").touch()
        away = {"tasks": [{"data": {"image": "../cues.png"}}], "label_config": config}
        refused, why = ask("/predict", away)
        server.shutdown()
    assert status == 200
    assert (refused, "is not in the folder of the pictures" in why["error"]) == (422, True)
    (prediction,) = said["results"]
    (result,) = prediction["result"]
    assert (result["from_name"], result["to_name"], result["type"]) == ("what", "pic", tag.lower())
    interface = pytest.importorskip(
        "label_studio_sdk.label_interface", reason="label-studio-sdk is not installed"
    )
    assert interface.LabelInterface(config).validate_prediction(prediction, return_errors=True) == []


def test_cvat_function(cueset: Path) -> None:
    cvataa = pytest.importorskip("cvat_sdk.auto_annotation", reason="cvat-sdk is not installed")
    from cvat_sdk.masks import decode_mask

    folder = cueset.parent
    out = run("cvat_function.py", "coins", "photos/002.png", "colours", cwd=folder)
    assert out == "coin  polygon  4 corners\n"
    function = loaded("cvat_function.py")["create"](str(cueset), "colours")
    assert isinstance(function.spec, cvataa.DetectionFunctionSpec)

    class Asked(cvataa.DetectionFunctionContext):
        frame_name, conf_threshold, conv_mask_to_poly = "002.png", 0.5, False

    (shape,) = function.detect(Asked(), Image.open(folder / "photos" / "002.png"))
    mask = decode_mask(shape.points, image_width=96, image_height=64)
    assert (mask[:, :32].all(), mask.sum()) == (True, 64 * 32)
    assert list(function.detect(Asked(), Image.open(folder / "photos" / "004.png"))) == []
