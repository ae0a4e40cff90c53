"""The dock widget: cues are gathered, learnt and looked for in a thread, and what is found becomes Labels layers.

Everything that a button does is a method of `Panel`, which a script may call, too. The window's thread takes layers
(`layers.take`) and lays results; all else happens in the thread of a worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from cuecast.core.errors import CuecastError, InputError
from cuecast.core.notes import notes_to
from cuecast.core.ordered import Progress, Step
from cuecast.core.values import ClassInfo
from cuecast.cuesets.cueset import read_cueset
from cuecast.engine.packs import list_packs
from cuecast.io.images import read_image
from cuecast.io.labels.masks import read_mask
from cuecast.napari.form import Form
from cuecast.napari.jobs import FolderDone, Found, Lesson, Row, Teacher, agreeing, find, find_in_folder, save
from cuecast.napari.layers import kind_of, take
from cuecast.napari.marks import BY_NUMBER, LayerCue
from cuecast.napari.pictures import Picture, picture_of
from cuecast.napari.results import MADE_BY, NewLayer, class_layer, layers_of, object_layer, verdict_text
from cuecast.runs.images import BatchOptions

REFRESH = 0.3
"""Seconds between two looks at the verdicts while a job runs: a stack has thousands."""
EDITED = "edited"
"""In what a result's layer knows of itself: somebody has painted in it."""


@dataclass(frozen=True, eq=False)
class ListedCue:
    """A cue in the list: layers of the viewer, or a cue set. `marks` None: the thing is not in the picture.

    index  of the slice of a stack that the thing is not on.
    """

    picture: Any = None
    marks: Any = None
    says: str = BY_NUMBER
    index: int | None = None
    cueset: Path | None = None

    @property
    def text(self) -> str:
        """As the list shows it."""
        if self.cueset is not None:
            return f"cue set {self.cueset.name}"
        if self.marks is None:
            where = self.picture.name if self.index is None else f"{self.picture.name}, slice {self.index}"
            return f"{where}: it is not there"
        says = f" ({self.says})" if self.says else ""
        return f"{self.picture.name} ← {self.marks.name}{says}"


@dataclass(frozen=True)
class _Failed:
    """What a job raised on purpose."""

    error: CuecastError


@dataclass(frozen=True)
class _Note:
    text: str


class _StoppedError(Exception):
    """A job was cancelled while the library was at work."""


class Panel:
    """The dock widget of a viewer. `widget` is Qt's; what it does is done by the methods."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.teacher = Teacher()
        self.cues: list[ListedCue] = []
        self.rows: list[Row] = []
        self.worker: Any = None
        self._known: dict[str, ClassInfo] = {}
        self._results: dict[str, tuple[Any, Any]] = {}
        self._found_in: FolderDone | None = None
        self._listed_at = 0.0
        self._closed = False
        self.form = Form(self)
        self.widget = self.form.widget
        self.form.set_packs([pack.folder.name for pack in list_packs()])
        events = viewer.layers.events
        self._events = (events.inserted, events.removed, events.reordered)
        for event in self._events:
            event.connect(self._layers_changed)
        self.widget.destroyed.connect(self.close)
        self._layers_changed()

    def close(self, *_: object) -> None:
        """Stop what runs, and listen no more. A second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self.cancel()
        for event in self._events:
            event.disconnect(self._layers_changed)

    # What is to be found

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        """The classes that are named, in that order; those of a cue set keep its numbers and colours."""
        names = list(dict.fromkeys(n.strip() for n in self.form.class_names().split(",") if n.strip()))
        taken = {info.id for name, info in self._known.items() if name in names}
        free = (i for i in range(1, len(names) + len(taken) + 1) if i not in taken)
        return tuple(self._known.get(name) or ClassInfo(next(free), name) for name in names)

    def lesson(self) -> Lesson:
        """What the cues in the list are, taken from their layers. Raises InputError."""
        if not self.cues:
            raise InputError("there is no cue", remedy="choose a picture and its marks, and add them")
        if not self.classes:
            raise InputError("no class is named", remedy="name what is marked, such as: cell, nucleus")
        pictures: dict[int, Picture] = {}

        def picture(layer: Any) -> Picture:
            return pictures.setdefault(id(layer), self._picture(layer))

        cues = tuple(
            LayerCue(picture(c.picture), None if c.marks is None else take(c.marks), c.says, c.index)
            for c in self.cues
            if c.cueset is None
        )
        sets = tuple(c.cueset for c in self.cues if c.cueset is not None)
        return Lesson(self.form.pack(), self.classes, cues, sets, self.form.scale())

    def add_cue(self, picture: Any, marks: Any = None, says: str = BY_NUMBER) -> None:
        """Put a picture and the layer of its marks into the list; None: the thing is not there, of a stack not on the
        slice that is shown."""
        with self._told():
            seen = self._picture(picture)
            index = None
            if marks is None and seen.stack is not None:
                index = self._shown_slice(seen)
            cue = ListedCue(picture, marks, says, index)
            if not any(c.text == cue.text for c in self.cues):
                self._set_cues([*self.cues, cue])

    def remove_cue(self, number: int) -> None:
        """Take a cue out of the list; its layers stay."""
        self._set_cues([c for n, c in enumerate(self.cues) if n != number])

    def correct(self, layer: Any) -> None:
        """A result, as it is now, becomes a cue: what it marks on its picture, all of it, is right."""
        with self._told():
            of = layer.metadata.get(MADE_BY, {}) if layer is not None else {}
            if "picture" not in of:
                raise InputError(
                    "this layer is no result",
                    None if layer is None else layer.name,
                    "select the Labels layer of a result, correct it, and press this",
                )
            if of["picture"] not in self.viewer.layers:
                raise InputError(
                    f"its picture {of['picture']!r} is gone", layer.name, "open the picture again"
                )
            picture = self.viewer.layers[of["picture"]]
            # The next answer must not overwrite what a person has set right.
            self._results = {name: kept for name, kept in self._results.items() if kept[0] is not layer}
            layer.name = f"{picture.name} corrected"
            layer.metadata = {MADE_BY: {"corrected": picture.name}}
            self.add_cue(picture, layer)

    def load(self, path: Path, as_layers: bool = False) -> None:
        """Put a cue set into the list, as it lies there, or its pictures and marks as layers."""
        with self._told():
            cueset = read_cueset(path)
            if self.cues:
                agreeing(cueset, self.classes)
            self._known |= {c.name: c for c in cueset.classes}
            names = [] if not self.cues else [c.name for c in self.classes]
            self.form.set_class_names(", ".join(dict.fromkeys([*names, *(c.name for c in cueset.classes)])))
            if not as_layers:
                self._set_cues([*self.cues, ListedCue(cueset=Path(path))])
                return
            for one in layers_of(cueset):
                picture = self._lay(one.picture)
                laid = [self._lay(marks) for marks in one.marks]
                new = [ListedCue(picture, marks) for marks in laid or [None]]
                self._set_cues([*self.cues, *new])

    def save(self, path: Path) -> None:
        """Write the cues in layers into a cue set: a new folder or .zip, or one that is there."""
        with self._told():
            cueset = save(self.lesson(), path)
            self.form.say(f"{path}: {len(cueset.entries)} cues")

    # Finding

    def find(self, layers: Sequence[Any]) -> None:
        """Look for the thing in Image layers; the results come as they are found."""
        with self._told():
            if not layers:
                raise InputError("no picture is chosen", remedy="tick the layers to look in")
            lesson = self.lesson()
            pictures = [self._picture(layer) for layer in layers]
            self._results, self._found_in = {}, None
            self._start(lambda told: find(self.teacher, lesson, pictures, told))

    def find_in_folder(self, folder: Path, out: Path) -> None:
        """Look for the thing in the pictures of a folder, and write masks, tables and a report into `out`."""
        with self._told():
            lesson = self.lesson()

            def job(told: Progress) -> Iterator[FolderDone]:
                yield find_in_folder(self.teacher, lesson, folder, out, BatchOptions(), told)

            self._results = {}
            self._start(job)

    def cancel(self) -> None:
        """Stop what runs; what was found stays."""
        if self.worker is not None:
            self.worker.quit()

    def show_row(self, number: int) -> None:
        """Go to what a row of the verdicts is of: a slice, a layer, or a picture of a folder with its mask."""
        row = self.rows[number]
        with self._told():
            if row.error is not None:
                raise InputError(row.error, row.name)
            if row.files is not None:
                self._open(row)
                return
            if row.name in self.viewer.layers:
                layer = self.viewer.layers[row.name]
                self.viewer.layers.selection = {layer}
                if row.index is not None:
                    place = np.zeros(layer.ndim)
                    place[0] = row.index
                    self.viewer.dims.set_point(range(layer.ndim), layer.data_to_world(place))

    # Inside

    def _picture(self, layer: Any) -> Picture:
        return picture_of(take(layer), self.form.stack(), self.form.as_shown())

    def _shown_slice(self, picture: Picture) -> int:
        """The slice of a stack that the viewer shows."""
        D = len(picture.shape)
        place = np.array([*self.viewer.dims.point[-D:], 1.0])
        return int(np.clip(round((np.linalg.inv(picture.to_world) @ place)[0]), 0, picture.shape[0] - 1))

    def _set_cues(self, cues: list[ListedCue]) -> None:
        self.cues = cues
        self.form.list_cues([c.text for c in cues])

    def _layers_changed(self, *_: object) -> None:
        """Offer the layers that are there; cues whose layers are gone go, too."""
        there = list(self.viewer.layers)
        kept = [
            c for c in self.cues if c.cueset or (c.picture in there and (c.marks is None or c.marks in there))
        ]
        if len(kept) < len(self.cues):
            self._set_cues(kept)
        self.form.offer(
            [layer for layer in there if kind_of(layer) == "image"],
            [layer for layer in there if kind_of(layer) not in (None, "image")],
        )

    def _start(self, job: Callable[[Progress], Iterable[Any]]) -> None:
        """Run a job in a thread; one at a time."""
        from napari.qt.threading import create_worker

        if self.worker is not None:
            raise InputError("it is still at work", remedy="wait, or cancel it first")
        held: list[Any] = []

        def told(step: Step) -> None:
            if held[0].abort_requested:
                raise _StoppedError
            held[0].yielded.emit(step)

        def run() -> Iterator[Any]:
            try:
                with notes_to(lambda text: held[0].yielded.emit(_Note(text))):
                    yield from job(told)
            except CuecastError as error:
                yield _Failed(error)
            except _StoppedError:
                return

        self.rows = []
        self.form.list_rows(self.rows)
        self.worker = create_worker(run, _start_thread=False)
        held.append(self.worker)
        self.worker.yielded.connect(self._received)
        self.worker.finished.connect(self._finished)
        self.form.busy(True)
        self.form.say("at work: the cues are learnt first")
        self.worker.start()

    def _received(self, news: Any) -> None:
        """What a job says or gives, in the window's thread."""
        if self._closed:  # Qt has thrown the fields away
            return
        if isinstance(news, Step):
            self.form.progress(news.done, news.total, news.what)
        elif isinstance(news, _Note):
            self.form.say(news.text)
        elif isinstance(news, _Failed):
            self._show(news.error)
        elif isinstance(news, Found):
            self._lay_found(news)
        elif isinstance(news, FolderDone):
            self._found_in = news
            self.rows += news.rows

    def _finished(self) -> None:
        stopped = self.worker is not None and self.worker.abort_requested
        self.worker = None
        if self._closed:
            return
        self.form.busy(False)
        self._list_rows()
        if self.rows:
            done = f" in {self._found_in.out}" if self._found_in else ""
            self.form.say(f"{'cancelled: ' if stopped else ''}{verdict_text(self.rows)}{done}")
        elif stopped:
            self.form.say("cancelled")

    def _list_rows(self) -> None:
        """Show the verdicts, the doubtful ones first, and say them in the names of the results."""
        order = ("failed", "doubtful", "found", "absent")
        self.rows.sort(key=lambda r: order.index(r.verdict or "failed"))
        self.form.list_rows(self.rows)
        for name, (layer, _) in self._results.items():
            layer.name = f"{name} [{verdict_text(layer.metadata[MADE_BY]['verdicts'])}]"
        self._listed_at = monotonic()

    def _lay_found(self, found: Found) -> None:
        """Put an answer into the layers of its picture, which are made with its first one."""
        picture = found.picture
        if picture.name not in self._results:
            self._results[picture.name] = self._new_results(found)
        for layer, data in zip(self._results[picture.name], (found.labels, found.instances), strict=True):
            if layer is None or layer not in self.viewer.layers:
                continue
            if found.index is None:
                layer.data = np.array(data)
            else:
                layer.data[found.index] = data
                layer.refresh()
        self.rows += found.rows
        self._results[picture.name][0].metadata[MADE_BY]["verdicts"].extend(found.rows)
        if monotonic() - self._listed_at > REFRESH:
            self._list_rows()

    def _new_results(self, found: Found) -> tuple[Any, Any]:
        """An empty layer of classes over the picture, and one of objects where these are wanted. Former results of the
        picture go, but those that somebody has painted in."""
        picture, place = found.picture, found.picture.layer.place
        for layer in list(self.viewer.layers):
            of = layer.metadata.get(MADE_BY, {})
            if picture.name in (of.get("picture"), of.get("objects of")) and EDITED not in of:
                self.viewer.layers.remove(layer)
        if (
            len(picture.shape) < picture.layer.axes
        ):  # channels: napari lays a matrix over the axes that are left
            place = {"affine": picture.to_world}
        blank = np.zeros(picture.shape, np.int32)
        first = self._lay(class_layer(blank, f"{picture.name} result", picture.name, found.classes, place))
        first.events.paint.connect(lambda _: first.metadata[MADE_BY].update({EDITED: True}))
        if not self.form.wants_objects():
            return first, None
        return first, self._lay(object_layer(blank.copy(), f"{picture.name} objects", picture.name, place))

    def _lay(self, new: NewLayer) -> Any:
        return getattr(self.viewer, f"add_{new.kind}")(new.data, **new.arguments)

    def _open(self, row: Row) -> None:
        """Show a picture of a folder with its mask. Raises ImageError, MaskError."""
        assert row.files is not None
        image = read_image(row.files[0])
        labels = read_mask(row.files[1], image=image)
        classes = self._found_in.classes if self._found_in else self.classes
        name = self._lay(NewLayer("image", image.pixels, {"name": row.name, "rgb": True})).name
        text = f"{name} [{verdict_text([row])}]"
        self._lay(class_layer(np.array(labels), text, name, classes, {}))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the library are shown where the button is; all others are bugs, and napari's."""
        try:
            with notes_to(self.form.say):
                yield
        except CuecastError as error:
            self._show(error)

    def _show(self, error: CuecastError) -> None:
        from napari.utils.notifications import show_warning

        self.form.fail(error.what, error.where, error.remedy)
        show_warning(f"cuecast: {error}")


def open_panel() -> Any:
    """The dock widget of the viewer that is open, as Qt's QWidget: the command behind the plugin's menu.

    Raises RuntimeError where there is no viewer.
    """
    import napari

    viewer = napari.current_viewer()
    if viewer is None:
        raise RuntimeError("there is no napari viewer: open one first")
    panel = Panel(viewer)
    panel.widget.panel = panel
    return panel.widget
