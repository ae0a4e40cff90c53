"""The dock widget in a real napari viewer, without a screen. Skipped where napari, Qt or OpenGL is not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import BLUE, GREEN, RED, picture

from cuecast.core.ordered import Step
from cuecast.napari import panel as panels
from cuecast.napari import sample
from cuecast.napari.jobs import Found
from cuecast.napari.panel import Panel

pytest.importorskip("napari.viewer", reason="napari is not installed: pip install 'cuecast[napari]' pyside6")
pytest.importorskip("qtpy", reason="no Qt is installed: pip install pyside6")
# Their own warnings, of whatever versions are there, are none of ours.
pytestmark = pytest.mark.filterwarnings("default")

MANIFEST = Path(panels.__file__).parent / "napari.yaml"


@pytest.fixture(scope="module")
def qt() -> Iterator[bool]:
    """Qt without a window on a screen; whether it has OpenGL, which a real viewer draws with and 'offscreen' lacks."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if os.environ.get("DISPLAY") or os.name == "nt":
            yield _application()
        elif shutil.which("Xvfb") is None:
            patch.setenv("QT_QPA_PLATFORM", "offscreen")
            yield not _application()
        else:
            with _display() as name:
                patch.setenv("DISPLAY", name)
                patch.setenv("QT_QPA_PLATFORM", "xcb")
                yield _application()


APPLICATION: list[Any] = []
"""Qt's, which lives as long as the process."""


def _application() -> bool:
    from qtpy.QtWidgets import QApplication

    APPLICATION.append(QApplication.instance() or QApplication([]))
    return True


@contextmanager
def _display() -> Iterator[str]:
    """The name of a display that nobody sees."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        yield f":{told.readline().strip()}"
    server.terminate()
    server.wait()


@pytest.fixture
def viewer(qt: bool) -> Any:  # noqa: ARG001
    """What a viewer holds, without the window that draws it."""
    from napari.components import ViewerModel

    return ViewerModel()


@pytest.fixture
def real_viewer(qt: bool) -> Iterator[Any]:
    """A viewer as people have it, with the plugin; its window is not shown."""
    if not qt:
        pytest.skip("napari draws with OpenGL: there is no display, and no Xvfb to stand for one")
    import napari
    from npe2 import PluginManager, PluginManifest

    PluginManager.instance().register(PluginManifest.from_file(MANIFEST))
    made = napari.Viewer(show=False)
    yield made
    made.close()


@pytest.fixture
def panel(viewer: Any) -> Iterator[Panel]:
    """A panel that learns with the pack `colours`."""
    made = Panel(viewer)
    made.form.set_pack("colours")
    yield made
    made.cancel()
    until(lambda: made.worker is None)
    made.close()


def until(done: Callable[[], bool]) -> None:
    """Let Qt work until something is so."""
    from qtpy.QtWidgets import QApplication

    for _ in range(6000):
        QApplication.processEvents()
        if done():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to be so")


def coloured(*columns: tuple[int, int, int]) -> Any:
    """A picture of 4 rows with a colour a column."""
    return np.tile(np.array(columns, np.uint8), (4, 1, 1))


def find(panel: Panel, *layers: Any) -> None:
    """Find in these layers, and wait for the end."""
    panel.find(layers)
    until(lambda: panel.worker is None)


def with_red_cue(panel: Panel) -> Any:
    """A picture whose red columns are marked in a Labels layer; both are in the list of cues."""
    taught = add(panel, coloured(RED, RED, BLUE, BLUE), name="taught")
    marks = panel.viewer.add_labels(np.tile([1, 1, 0, 0], (4, 1)), name="marks")
    panel.add_cue(taught, marks)
    return taught


def add(panel: Panel, pixels: Any, name: str, **place: Any) -> Any:
    """An Image layer in colours: napari takes pictures as small as these for stacks."""
    return panel.viewer.add_image(pixels, name=name, rgb=True, **place)


def results(panel: Panel) -> dict[str, Any]:
    """Name -> data of the layers that were made as answers."""
    return {layer.name: layer.data for layer in panel.viewer.layers if "cuecast" in layer.metadata}


def test_in_a_real_viewer_the_manifest_opens_samples_and_widget_and_it_finds(real_viewer: Any) -> None:
    layers = real_viewer.open_sample("cuecast", "glands")
    assert [type(layer).__name__ for layer in layers] == ["Image", "Image", "Shapes"]
    _, widget = real_viewer.window.add_plugin_dock_widget("cuecast", "Segment by cues")
    panel = widget.panel
    panel.form.set_pack("colours")
    glands = real_viewer.layers["glands"]
    panel.add_cue(glands, real_viewer.layers["gland outline"])
    find(panel, glands)
    labels = real_viewer.layers["glands [found 1.00]"].data
    assert labels[100, 150] == 1
    assert labels[5, 5] == 0


def test_the_sample_of_coins_has_boxes_round_two_of_them() -> None:
    (_, coins, boxes) = sample.coins()
    assert coins[0].shape == (84, 384)
    assert [v.min(axis=0).tolist() for v in boxes[0]] == [[21.5, 191.5], [36.5, 79.5]]


def test_what_labels_show_is_found_in_other_layers_with_name_and_colour(panel: Panel) -> None:
    panel.form.set_class_names("fire")
    with_red_cue(panel)
    other = add(panel, coloured(BLUE, RED, BLUE), name="other", scale=(2, 2), translate=(10, 0))
    empty = add(panel, coloured(BLUE, BLUE), name="empty")
    panel.form.want_objects(True)
    find(panel, other, empty)
    found = results(panel)
    assert found["other [found 1.00]"].tolist() == [[0, 1, 0]] * 4
    assert not found["empty [absent 1.00]"].any()
    assert found["other objects"].max() == 1
    layer = panel.viewer.layers["other [found 1.00]"]
    assert layer.scale.tolist() == [2, 2]
    assert layer.translate.tolist() == [10, 0]
    assert layer.features["class"].tolist() == ["background", "fire"]
    assert np.allclose(layer.colormap.map(1)[..., :3], np.array([0xE6, 0x19, 0x4B]) / 255, atol=0.01)
    assert [(r.name, r.verdict) for r in panel.rows] == [("other", "found"), ("empty", "absent")]
    assert panel.form.said() == "1 found, 1 absent"
    panel.show_row(1)
    assert panel.viewer.layers.selection.active.name == "empty"


def test_layers_of_all_kinds_and_not_there_are_cues(panel: Panel) -> None:
    panel.form.set_class_names("fire, leaf")
    taught = add(panel, coloured(RED, GREEN, BLUE, (9, 9, 9)), name="taught")
    points = panel.viewer.add_points(
        [(0, 0), (1, 1), (2, 2)], features={"class": ["fire", "leaf", "not this"]}, name="dots"
    )
    path = panel.viewer.add_shapes([[(0, 3), (3, 3)]], shape_type="path", edge_width=1, name="path")
    panel.add_cue(taught, points)
    panel.add_cue(taught, path, "not this")
    panel.add_cue(add(panel, coloured(BLUE), name="none"))
    assert [c.text for c in panel.cues] == [
        "taught ← dots",
        "taught ← path (not this)",
        "none: it is not there",
    ]
    query = add(panel, coloured(GREEN, (9, 9, 9), RED, BLUE), name="query")
    find(panel, query)
    (labels,) = results(panel).values()
    assert labels.tolist() == [[2, 0, 1, 0]] * 4
    panel.viewer.layers.remove(path)
    assert [c.text for c in panel.cues] == ["taught ← dots", "none: it is not there"]


def test_a_stack_fills_its_layer_slice_by_slice_and_rows_lead_to_slices(panel: Panel) -> None:
    panel.form.set_stack("time series")
    levels = np.repeat(np.array([[50, 50, 9], [50, 9, 50], [9, 50, 50]], np.uint8)[:, None], 4, axis=1)
    series = panel.viewer.add_image(levels, name="series")
    marks = np.zeros((3, 4, 3), int)
    marks[1, :, 1] = 1
    panel.add_cue(series, panel.viewer.add_labels(marks, name="marks"))
    find(panel, series)
    (name, labels), *_ = results(panel).items()
    assert name == "series [3 found]"
    assert labels[:, 0].tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    panel.show_row([r.index for r in panel.rows].index(2))
    assert panel.viewer.dims.current_step[0] == 2
    panel.add_cue(series)
    assert panel.cues[-1].text == "series, slice 2: it is not there"


def test_a_long_stack_does_not_list_its_verdicts_at_every_slice(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once when the search begins, and once at its end."""
    listed: list[int] = []
    monkeypatch.setattr(panels, "REFRESH", float("inf"))
    monkeypatch.setattr(panel.form, "list_rows", lambda rows: listed.append(len(rows)))
    panel.form.set_stack("pictures")
    with_red_cue(panel)
    stack = panel.viewer.add_image(np.stack([coloured(RED, BLUE)] * 9), name="stack", rgb=True)
    find(panel, stack)
    assert listed == [0, 9]
    assert "stack [9 found]" in results(panel)


def test_a_panel_that_is_closed_lets_its_job_end_in_silence(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fields are gone by then."""
    taught = with_red_cue(panel)
    panel.find([taught])
    panel.close()
    monkeypatch.setattr(panel, "form", None)
    until(lambda: panel.worker is None)
    assert panel.rows == []


def test_a_volume_says_how_far_it_is(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[int, int, str]] = []
    monkeypatch.setattr(panel.form, "progress", lambda *step: steps.append(step))
    volume = panel.viewer.add_image(np.tile(np.array([9, 9, 50], np.uint8), (3, 4, 1)), name="volume")
    marks = np.zeros((3, 4, 3), int)
    marks[0, :, :2] = 1
    panel.add_cue(volume, panel.viewer.add_labels(marks, name="marks"))
    find(panel, volume)
    assert steps == [(1, 3, "slices"), (2, 3, "slices"), (3, 3, "slices")]
    assert results(panel)["volume [3 found]"][:, 0].tolist() == [[1, 1, 0]] * 3


def test_errors_say_what_where_and_what_to_do(panel: Panel) -> None:
    panel.find([])
    assert panel.form.said() == "no picture is chosen\ndo: tick the layers to look in"
    taught = with_red_cue(panel)
    panel.form.set_class_names("")
    panel.find([taught])
    assert panel.form.said().startswith("no class is named\ndo: name what is marked")
    panel.form.set_class_names("fire")
    panel.viewer.layers["marks"].data = np.zeros((4, 4), int)
    find(panel, taught)
    assert "the cue marks nothing" in panel.form.said()
    assert "in: taught" in panel.form.said()
    broken = panel.viewer.add_image(np.zeros((2, 2, 3, 3)), name="four axes")
    panel.find([broken])
    assert "in: four axes\ndo: take one time or one channel" in panel.form.said()
    assert panel.worker is None


def test_a_corrected_result_teaches_and_stays(panel: Panel) -> None:
    """Green is taken for background until a person paints it in; a second answer leaves that layer alone."""
    with_red_cue(panel)
    query = add(panel, coloured(RED, GREEN, BLUE), name="query")
    find(panel, query)
    result = panel.viewer.layers["query [found 1.00]"]
    result.data = np.tile([1, 1, 0], (4, 1))
    panel.correct(result)
    assert panel.cues[-1].text == "query ← query corrected"
    other = add(panel, coloured(BLUE, GREEN), name="other")
    find(panel, other, query)
    assert results(panel)["other [found 1.00]"].tolist() == [[0, 1]] * 4
    assert result in panel.viewer.layers
    panel.correct(other)
    assert panel.form.said().startswith("this layer is no result\nin: other\ndo: select")


def test_a_result_that_was_painted_in_is_not_thrown_away(panel: Panel) -> None:
    taught = with_red_cue(panel)
    find(panel, taught)
    find(panel, taught)
    assert len(results(panel)) == 1
    panel.viewer.layers["taught [found 1.00]"].paint((0, 3), 1)
    find(panel, taught)
    assert len(results(panel)) == 2


def test_cues_are_saved_loaded_and_opened_as_layers(panel: Panel, tmp_path: Path) -> None:
    panel.form.set_class_names("fire, leaf")
    taught = add(panel, coloured(RED, GREEN, BLUE), name="taught")
    panel.add_cue(taught, panel.viewer.add_points([(0, 0)], name="dot"), "fire")
    boxes = panel.viewer.add_shapes(
        [[(-0.5, 0.5), (-0.5, 1.5), (3.5, 1.5), (3.5, 0.5)], [(0, 2), (3, 2)]],
        shape_type=["rectangle", "path"],
        features={"class": ["leaf", "not this"]},
        edge_width=1,
        name="drawn",
    )
    panel.add_cue(taught, boxes)
    panel.save(tmp_path / "cues.zip")
    assert panel.form.said().endswith("cues.zip: 1 cues")
    panel.viewer.layers.clear()
    assert panel.cues == []
    panel.form.set_class_names("thing")
    panel.load(tmp_path / "cues.zip")
    assert [c.text for c in panel.cues] == ["cue set cues.zip"]
    assert [c.name for c in panel.classes] == ["fire", "leaf"]
    before = panel.lesson().in_sets()[0]
    panel.remove_cue(0)
    panel.load(tmp_path / "cues.zip", as_layers=True)
    after = panel.lesson().in_layers()[0].example
    assert after.marks.drawn == before.marks.drawn
    assert after.image.digest == before.image.digest


def test_a_folder_is_done_and_its_rows_open_pictures(panel: Panel, tmp_path: Path) -> None:
    with_red_cue(panel)
    picture(tmp_path / "in/x.png", 3)
    (tmp_path / "in/z.png").write_bytes(b"no picture")
    panel.find_in_folder(tmp_path / "in", tmp_path / "out")
    until(lambda: panel.worker is None)
    assert panel.form.said() == f"1 found, 1 failed in {tmp_path / 'out'}"
    assert (tmp_path / "out/report.html").is_file()
    panel.show_row(1)
    assert panel.viewer.layers["x.png [found 1.00]"].data[0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    panel.show_row(0)
    assert "z.png" in panel.form.said()


def test_the_window_goes_on_while_a_job_runs_and_cancel_ends_it(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that never ends by itself: the second picture is never come to."""
    taught = with_red_cue(panel)

    def endless(*given: Any) -> Iterator[Found]:
        told = given[-1]
        while True:
            told(Step("pictures", 1, 2))
            time.sleep(0.001)
        yield

    monkeypatch.setattr(panels, "find", endless)
    panel.find([taught])
    until(lambda: panel.form._bar.value() == 1)
    panel.find([taught])
    assert panel.form.said().startswith("it is still at work\ndo: wait, or cancel it first")
    panel.cancel()
    until(lambda: panel.worker is None)
    assert panel.form.said() == "cancelled"
    assert panel.form._find.isEnabled()


def test_the_fields_offer_the_layers_and_the_buttons_act(panel: Panel) -> None:
    taught = add(panel, coloured(RED, BLUE), name="taught")
    marks = panel.viewer.add_labels(np.tile([1, 0], (4, 1)), name="marks")
    panel.form.set_class_names("fire, leaf")
    panel.form.choose(taught, marks, "leaf")
    marks.name = "renamed"
    panel.form._add()
    assert [c.text for c in panel.cues] == ["taught ← renamed (leaf)"]
    panel.form.choose(taught, None)
    panel.form._add()
    assert panel.cues[-1].text == "taught: it is not there"
    assert panel.form.targets() == [taught]
    from qtpy.QtCore import Qt

    panel.form._targets.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert panel.form.targets() == []
