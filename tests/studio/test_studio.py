"""The whole job in a real browser, by mouse and by keyboard, and what happens when something goes wrong."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from studio_page import GREEN, RED, SQUARE, Service, Studio, paint

import cuecast
from cuecast.core.geometry import mark_labels
from cuecast.core.values import Marks, Scribble
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.io.labels.outlines import decode_rle


def labels_of(mask: dict[str, Any]) -> NDArray[np.int32]:
    """A label map from run lengths, class by class."""
    labels = np.zeros(mask["size"], np.int32)
    for key, counts in mask["counts"].items():
        found = decode_rle(counts, tuple(mask["size"]), int(key))
        h, w = found.mask.shape
        labels[found.top : found.top + h, found.left : found.left + w][found.mask] = int(key)
    return labels


def export(studio: Studio) -> zipfile.ZipFile:
    """What the export dialog makes, with the cue set."""
    page = studio.page
    studio.to_gallery()
    page.get_by_role("button", name="Export …").click()
    page.get_by_role("checkbox", name="Cue set your examples").check()
    page.get_by_role("button", name="Make the .zip").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    return zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes()))


def exported_mask(archive: zipfile.ZipFile, stem: str) -> NDArray[np.int32]:
    name = next(n for n in archive.namelist() if n.endswith(f"masks/{stem}.png") and "cue" not in n)
    return np.asarray(Image.open(io.BytesIO(archive.read(name)))).astype(np.int32)


def concept_of(archive: zipfile.ZipFile, folder: Path) -> cuecast.Concept:
    """What the library learns from the cue set in an export."""
    archive.extractall(folder)
    index = next(folder.rglob("cues.json"))
    cueset = read_cueset(index.parent)
    return cuecast.load("colours").learn(read_examples(cueset), cueset.classes)


def test_mark_run_look_correct_export(studio: Studio, pictures: list[Path], tmp_path: Path) -> None:
    page = studio.page
    studio.create(pictures)

    # Mark: the red square, by its corners.
    studio.open_image("a.png")
    studio.outline("a.png", SQUARE)
    marks = studio.wait_saved("a.png", 1)
    square = np.zeros((48, 64), np.int32)
    square[8:24, 8:24] = 1
    assert np.array_equal(labels_of(marks["mask"]), square)

    # Run, and look.
    studio.run()
    page.get_by_role("link", name="b.png, Found").wait_for()
    page.get_by_role("link", name="c.png, Not here").wait_for()
    page.locator(".thumb canvas").nth(1).wait_for()
    assert page.locator(".thumb canvas").count() == 2

    # Correct: the green square is the thing, too.
    studio.open_image("b.png")
    page.get_by_text("Found. Its outline should fit").wait_for()
    page.get_by_role("button", name="Correct it").click()
    studio.choose("Point on it")
    with page.expect_response(lambda r: r.url.endswith("/preview")) as answered:
        studio.click("b.png", 48, 32)
    both = square.copy()
    both[24:40, 40:56] = 1
    assert np.array_equal(labels_of(answered.value.json()["mask"]), both)
    page.get_by_role("button", name="Accept as an example").click()
    page.get_by_text("Saved as an example.").first.wait_for()
    assert np.array_equal(labels_of(studio.marks("b.png")["mask"]), both)
    assert studio.marks("b.png")["points"] == []

    # Run again what may change, and export.
    page.get_by_role("button", name="Run again").click()
    studio.to_gallery()
    page.get_by_text("2 examples").wait_for()
    page.get_by_role("button", name="Run again where").wait_for()
    archive = export(studio)
    concept = concept_of(archive, tmp_path / "export")
    for picture in pictures:
        expected = concept.segment(picture).mask
        assert np.array_equal(exported_mask(archive, picture.stem), expected), picture.name
    assert np.array_equal(exported_mask(archive, "b"), both)


def test_a_real_picture_and_the_brush(studio: Studio, data: Path, tmp_path: Path) -> None:
    files = sorted((data / "dev/wbc1/images").glob("*.jpg"))[:2]
    pictures = [Path(shutil.copy(f, tmp_path / f"cell-{n}.jpg")) for n, f in enumerate(files)]
    studio.create(pictures)
    studio.open_image("cell-0.jpg")
    image = studio.image("cell-0.jpg")
    w, h = image["width"], image["height"]
    path = [(w * 0.4, h * 0.45), (w * 0.5, h * 0.5), (w * 0.6, h * 0.55)]
    studio.choose("Brush")
    studio.drag("cell-0.jpg", *path)
    mask = labels_of(studio.wait_saved("cell-0.jpg", 1)["mask"])
    # The brush is as wide as a fortieth of the picture, to each side, and follows the library's rule of pixels.
    width = 2.0 * max(2, round(min(w, h) / 40))
    expected = mark_labels(
        Marks((h, w), np.zeros((h, w), np.int32), scribbles=(Scribble(tuple(path), width),))
    )
    union = (mask == 1) | (expected == 1)
    # The mouse is somewhere in a pixel of the screen: the rims may differ.
    assert ((mask == 1) & (expected == 1)).sum() > 0.95 * union.sum()

    studio.run()
    archive = export(studio)
    concept = concept_of(archive, tmp_path / "export")
    for picture in pictures:
        assert np.array_equal(exported_mask(archive, picture.stem), concept.segment(picture).mask), (
            picture.name
        )


def test_undo_redo_and_the_other_marks(studio: Studio, pictures: list[Path]) -> None:
    page = studio.page
    studio.create(pictures)
    studio.open_image("a.png")
    studio.choose("Box")
    studio.drag("a.png", (4, 4), (20.2, 30.4))
    studio.choose("Point: not this")
    studio.click("a.png", 40.5, 10.5)
    studio.choose("Stroke on it")
    studio.drag("a.png", (10, 10), (20, 20))
    page.keyboard.press("Control+z")
    marks = studio.wait_saved("a.png", 1)
    assert marks["boxes"] == [{"xyxy": [4, 4, 20, 30], "class": 1}]
    assert marks["points"] == [{"xy": [40.5, 10.5], "class": 0}]
    assert marks["scribbles"] == []
    assert marks["mask"] is None
    page.keyboard.press("Control+y")
    marks = studio.wait_saved("a.png", marks["version"] + 1)
    assert len(marks["scribbles"]) == 1
    page.get_by_role("checkbox", name="It is not on this picture").check()
    marks = studio.wait_saved("a.png", marks["version"] + 1)
    assert marks["absent"]
    assert marks["boxes"] == []
    studio.to_gallery()
    page.get_by_role("link", name="a.png, Not run yet, Example: not here").wait_for()


def test_marks_that_are_refused_are_said_with_the_reason(studio: Studio, pictures: list[Path]) -> None:
    page = studio.page
    studio.create(pictures[:1])
    studio.open_image("a.png")
    studio.choose("Box")
    studio.drag("a.png", (4, 4), (20, 20))
    studio.wait_saved("a.png", 1)
    studio.choose("Brush")
    studio.drag("a.png", (44, 36), (52, 36))
    page.get_by_role("alert").get_by_text("mark the class in the mask, or put the box on another").wait_for()
    assert studio.marks("a.png")["mask"] is None
    page.keyboard.press("Control+z")
    page.locator(".editortop .save.ok").wait_for()
    page.get_by_role("alert").wait_for(state="detached")


def test_drawing_with_the_keyboard_alone(studio: Studio, pictures: list[Path]) -> None:
    page = studio.page
    studio.create(pictures[:1])
    page.locator(".gallery .card .open").focus()
    page.keyboard.press("Enter")
    page.locator(".editortop .save.ok").wait_for()
    page.get_by_role("application").focus()
    page.keyboard.press("p")
    page.keyboard.press("ArrowLeft")  # from the middle (32, 24), 4 pixels of the screen: half a pixel here
    page.keyboard.press("Enter")
    assert studio.wait_saved("a.png", 1)["points"] == [{"xy": [31.5, 24], "class": 1}]
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help and shortcuts").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.keyboard.press("Escape")
    page.locator(".gallery").wait_for()


def test_marks_survive_a_restart_of_the_server(studio: Studio, pictures: list[Path]) -> None:
    page = studio.page
    studio.create(pictures[:1])
    studio.open_image("a.png")
    place = studio.place("a.png", 12, 12)
    studio.choose("Point on it")
    studio.service.stop()
    page.mouse.click(*place)
    page.get_by_text("The server does not answer").wait_for()
    page.locator(".editortop .save.bad").wait_for()
    page.get_by_role("link", name="Back to the pictures").click()  # leaving the picture loses nothing
    studio.service.start()
    page.get_by_text("The server does not answer").wait_for(state="detached")
    studio.open_image("a.png")
    assert studio.wait_saved("a.png", 1)["points"] == [{"xy": [12, 12], "class": 1}]


@pytest.mark.parametrize(("answer", "kept"), [("Keep mine", 0), ("Take the others", 1)])
def test_two_windows_on_one_picture(studio: Studio, pictures: list[Path], answer: str, kept: int) -> None:
    page = studio.page
    studio.create(pictures[:1])
    studio.open_image("a.png")
    path = f"/projects/{studio.project}/images/{studio.image('a.png')['id']}/marks"
    theirs = {"version": 0, "points": [{"xy": [1, 1], "class": 1}]}
    studio.service.call("PUT", path, theirs)
    studio.choose("Box")
    studio.drag("a.png", (4, 4), (20, 20))
    page.get_by_text("were changed in another window").wait_for()
    page.get_by_role("button", name=answer).click()
    marks = studio.wait_saved("a.png", 1 + (kept == 0))
    assert [len(marks["boxes"]), len(marks["points"])] == ([1, 0] if kept == 0 else [0, 1])


def test_a_file_that_is_no_picture_is_named(studio: Studio, pictures: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "notes.png"
    broken.write_text("no picture")
    studio.open()
    studio.page.set_input_files("input[data-kind=files]", [str(pictures[0]), str(broken)])
    studio.page.get_by_text("1 file was not added").wait_for()
    assert "notes.png" in studio.page.locator(".failures").inner_text()
    studio.page.locator(".gallery .card").wait_for()


def test_chinese_and_dark(studio: Studio) -> None:
    page = studio.page
    studio.open()
    page.get_by_label("Language").select_option("zh")
    page.get_by_role("heading", name="指一次，处处找到").wait_for()
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.get_by_label("页面颜色").select_option("dark")
    ground = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
    assert ground == "rgb(20, 22, 24)"
    page.reload()
    page.get_by_role("heading", name="指一次，处处找到").wait_for()
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_every_control_has_a_name(studio: Studio, pictures: list[Path]) -> None:
    studio.create(pictures)
    nameless = """() => [...document.querySelectorAll('button, a, input, select')]
        .filter(e => !e.hidden && !(e.textContent.trim() || e.ariaLabel || e.title || e.labels?.length))
        .map(e => e.outerHTML)"""
    assert studio.page.evaluate(nameless) == []
    studio.open_image("a.png")
    assert studio.page.evaluate(nameless) == []


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Service]:
    """A service that asks for a key."""
    running = Service(tmp_path / "guarded", "--require-key")
    yield running
    running.stop()


def test_the_key_is_asked_for(browser: Any, guarded: Service, pictures: list[Path]) -> None:
    guarded.make_key()
    guarded.start()
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-GB")
    context.set_default_timeout(180_000)
    studio = Studio(context.new_page(), guarded)
    studio.page.goto(guarded.url)
    field = studio.page.get_by_label("API key")
    field.fill("cue_wrong")
    field.press("Enter")
    studio.page.get_by_text("That key was refused").wait_for()
    field.fill(guarded.key or "")
    field.press("Enter")
    studio.page.get_by_text("There is no project yet").wait_for()
    studio.create(pictures[:1])
    studio.page.locator(".thumb img").wait_for()  # fetched with the key
    studio.open_image("a.png")
    studio.choose("Point on it")
    studio.click("a.png", 12, 12)
    studio.wait_saved("a.png", 1)
    context.close()
    assert studio.problems == []


def test_help_with_examples(studio: Studio, pictures: list[Path], tmp_path: Path) -> None:
    page = studio.page
    studio.create([*pictures, paint(tmp_path / "d.png", (RED, 8, 8), (GREEN, 8, 24))])
    for name in ("a.png", "d.png"):
        studio.open_image(name)
        studio.outline(name, SQUARE)
        studio.wait_saved(name, 1)
    studio.to_gallery()
    page.get_by_role("button", name="Which picture next?").click()
    page.get_by_role("link", name="Worth marking next").first.wait_for()
    page.get_by_role("button", name="Check the examples").click()
    page.get_by_role("button", name="Check of the examples").click()
    dialog = page.get_by_role("dialog", name="Check of the examples")
    dialog.get_by_text("On average they agree by 100 %.").wait_for()
    dialog.get_by_role("link", name="Open d.png").click()
    page.get_by_role("heading", name="d.png").wait_for()


def test_a_cue_set_opens_as_a_project(studio: Studio, pictures: list[Path], tmp_path: Path) -> None:
    studio.create(pictures[:1])
    studio.open_image("a.png")
    studio.outline("a.png", SQUARE)
    studio.wait_saved("a.png", 1)
    studio.run()
    archive = export(studio)
    archive.extractall(tmp_path / "export")
    folder = next((tmp_path / "export").rglob("cues.json")).parent
    zipped = shutil.make_archive(str(tmp_path / "squares"), "zip", folder)
    studio.open()
    studio.page.set_input_files("input[data-kind=zip]", zipped)
    studio.page.get_by_role("link", name="a.png, Not run yet, Example").wait_for()
    assert studio.page.locator(".crumb").inner_text() == "squares"


def test_a_folder_of_the_server(studio: Studio) -> None:
    page = studio.page
    squares = studio.service.root / "red squares"
    squares.mkdir()
    paint(squares / "e.png", (RED, 8, 8))
    (squares / "readme.txt").write_text("no picture")
    studio.open()
    page.get_by_role("button", name="A folder of the server").click()
    dialog = page.get_by_role("dialog", name="A folder of the server")
    dialog.get_by_role("button", name=str(studio.service.root)).click()
    dialog.get_by_role("button", name="red squares").click()
    dialog.get_by_text("1 picture in this folder").wait_for()
    dialog.get_by_role("button", name="Add this folder").click()
    page.get_by_role("link", name="e.png, Not run yet").wait_for()
    assert page.locator(".crumb").inner_text() == "red squares"
