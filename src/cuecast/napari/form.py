"""What the dock widget looks like: fields, buttons and lists of Qt, and nothing of what they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cuecast.napari.jobs import Row, Scale
from cuecast.napari.marks import BY_NUMBER, NOT_THIS
from cuecast.napari.pictures import STACKS, Stack

ABSENT = "(it is not there)"
SCALES: dict[str, Scale] = {"keep their share": "frame", "keep their size in pixels": "pixel"}
HEADS = ("picture", "slice", "verdict", "confidence", "objects")


class Form:
    """The fields of a panel, which gives what buttons do. `widget` is to be docked."""

    def __init__(self, panel: Any) -> None:
        from qtpy import QtWidgets

        self._qt: Any = QtWidgets
        self._panel = panel
        self._images: list[Any] = []
        self._marks: list[Any] = []
        self._unticked: set[int] = set()
        self.widget: Any = QtWidgets.QWidget()
        inner = QtWidgets.QWidget()
        rows = QtWidgets.QVBoxLayout(inner)
        for part in (self._what(), self._cues(), self._search(), self._answers()):
            rows.addWidget(part)
        scroll = QtWidgets.QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inner)
        self.widget.setMinimumWidth(340)
        outer = QtWidgets.QVBoxLayout(self.widget)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def _what(self) -> Any:
        self._pack, self._names = self._qt.QComboBox(), self._qt.QLineEdit("thing")
        self._names.setToolTip("Class 1, 2, ... by name, with commas between them: cell, nucleus")
        self._names.textChanged.connect(self._offer_says)
        return self._group("What to find", [("Pack", self._pack), ("Classes", self._names)])

    def _cues(self) -> Any:
        self._picture, self._mark, self._says = (self._qt.QComboBox() for _ in range(3))
        self._says.setToolTip(
            "Which class the marks are of. By number: value 1 of a Labels layer is the first class, 2 the second; of "
            "points and shapes the column 'class' of their features says it."
        )
        self._listed = self._qt.QListWidget()
        self._listed.setMaximumHeight(110)
        add = self._button("Add cue", self._add, "What the marks show on the picture is what shall be found")
        remove = self._button("Remove", self._remove, "Take the selected cue out of the list")
        correct = self._button(
            "Result is right now",
            lambda: self._panel.correct(self._panel.viewer.layers.selection.active),
            "The selected result, with your corrections, becomes a cue",
        )
        save = self._button("Save…", self._save, "Write the cues in layers into a cue set (.zip)")
        load = self._button("Load…", lambda: self._load(False), "Learn from a cue set, too")
        layers = self._button(
            "Open…", lambda: self._load(True), "A cue set as layers, to look at and change it"
        )
        return self._group(
            "Cues",
            [
                ("Picture", self._picture),
                ("Marks", self._mark),
                ("They are", self._says),
                (None, self._row(add, remove)),
                (None, self._listed),
                (None, correct),
                (None, self._row(save, load, layers)),
            ],
        )

    def _search(self) -> Any:
        self._targets = self._qt.QListWidget()
        self._targets.setMaximumHeight(110)
        self._targets.itemChanged.connect(self._ticked)
        self._stack, self._scale = self._qt.QComboBox(), self._qt.QComboBox()
        self._stack.addItems(STACKS)
        self._scale.addItems(list(SCALES))
        self._objects = self._qt.QCheckBox("layers of objects, too")
        self._as_shown = self._qt.QCheckBox("light as the layer shows it")
        self._as_shown.setToolTip(
            "Pictures of more than 8 bits by the contrast limits of their layer. Else 0.5 % of the pixels are "
            "black, and 0.5 % white."
        )
        self._find = self._button("Find in layers", lambda: self._panel.find(self.targets()), "Ticked above")
        self._folder = self._button("Find in a folder…", self._in_folder, "Results are written to a folder")
        return self._group(
            "Look in",
            [
                (None, self._targets),
                ("Stacks are", self._stack),
                ("Things", self._scale),
                (None, self._objects),
                (None, self._as_shown),
                (None, self._row(self._find, self._folder)),
            ],
        )

    def _answers(self) -> Any:
        self._bar, self._said = self._qt.QProgressBar(), self._qt.QLabel("")
        self._cancel = self._button("Cancel", lambda: self._panel.cancel(), "What was found stays")
        self._said.setWordWrap(True)
        self._table = self._qt.QTableWidget(0, len(HEADS))
        self._table.setHorizontalHeaderLabels(HEADS)
        self._table.setEditTriggers(self._qt.QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setSelectionBehavior(self._qt.QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setMinimumHeight(140)
        self._table.verticalHeader().hide()
        self._table.setToolTip("Doubtful ones first; double click to go there")
        self._table.cellDoubleClicked.connect(lambda row, _: self._panel.show_row(row))
        self.busy(False)
        return self._group(
            "Verdicts", [(None, self._row(self._bar, self._cancel)), (None, self._said), (None, self._table)]
        )

    # What is chosen

    def pack(self) -> str:
        """The name of the pack."""
        return str(self._pack.currentText())

    def class_names(self) -> str:
        """The names of the classes as typed, with commas."""
        return str(self._names.text())

    def stack(self) -> Stack:
        """What the first axis of stacks is."""
        index: int = self._stack.currentIndex()
        return STACKS[index]

    def set_stack(self, stack: Stack) -> None:
        """Choose it."""
        self._stack.setCurrentIndex(STACKS.index(stack))

    def scale(self) -> Scale:
        """Whether things keep their share of the frame, or their size in pixels."""
        return SCALES[str(self._scale.currentText())]

    def set_scale(self, scale: Scale) -> None:
        """Choose it."""
        self._scale.setCurrentIndex(list(SCALES.values()).index(scale))

    def as_shown(self) -> bool:
        """Whether contrast limits are the window of deep pictures."""
        return bool(self._as_shown.isChecked())

    def wants_objects(self) -> bool:
        """Whether there shall be a layer of objects."""
        return bool(self._objects.isChecked())

    def want_objects(self, wanted: bool) -> None:
        """Choose it."""
        self._objects.setChecked(wanted)

    def targets(self) -> list[Any]:
        """The Image layers that are ticked."""
        return [layer for layer in self._images if id(layer) not in self._unticked]

    def choose(self, picture: Any, marks: Any, says: str = BY_NUMBER) -> None:
        """Choose a cue that 'Add cue' would add; marks None: it is not there."""
        self._picture.setCurrentIndex(self._images.index(picture))
        self._mark.setCurrentIndex(len(self._marks) if marks is None else self._marks.index(marks))
        self._says.setCurrentIndex(max(self._says.findData(says), 0))

    # What is shown

    def set_packs(self, names: Sequence[str]) -> None:
        """The packs to choose from; 'general' is chosen."""
        self._pack.addItems(list(names))
        self._pack.setCurrentText("general")

    def set_pack(self, name: str) -> None:
        """Choose one."""
        self._pack.setCurrentText(name)

    def set_class_names(self, names: str) -> None:
        """Type the names of the classes."""
        self._names.setText(names)

    def offer(self, images: Sequence[Any], marks: Sequence[Any]) -> None:
        """The layers that are there; what was chosen stays chosen."""
        chosen = self._chosen(self._picture, self._images), self._chosen(self._mark, self._marks)
        self._images, self._marks = list(images), list(marks)
        self._unticked &= {id(layer) for layer in images}
        for layer in (*images, *marks):
            layer.events.name.connect(self._renamed)
        self._fill(self._picture, self._images, chosen[0])
        self._fill(self._mark, self._marks, chosen[1], ABSENT)
        self._offer_says()
        self._list_targets()

    def list_cues(self, texts: Sequence[str]) -> None:
        """The cues."""
        self._listed.clear()
        self._listed.addItems(list(texts))

    def list_rows(self, rows: Sequence[Row]) -> None:
        """The verdicts."""
        self._table.setRowCount(len(rows))
        for at, row in enumerate(rows):
            sure = "" if row.confidence is None else f"{row.confidence:.2f}"
            cells = (row.name, row.index, row.verdict or "failed", sure, row.objects)
            for column, cell in enumerate(cells):
                item = self._qt.QTableWidgetItem("" if cell is None else str(cell))
                item.setToolTip(row.error or "")
                self._table.setItem(at, column, item)
        self._table.resizeColumnsToContents()

    def busy(self, at_work: bool) -> None:
        """Whether a job runs."""
        self._bar.setRange(0, 0 if at_work else 1)
        self._bar.setValue(0)
        self._cancel.setEnabled(at_work)
        self._find.setEnabled(not at_work)
        self._folder.setEnabled(not at_work)

    def progress(self, done: int, total: int, what: str) -> None:
        """How far a job is."""
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        self._bar.setFormat(f"{done} of {total} {what}")

    def say(self, text: str) -> None:
        """A line for the person."""
        self._said.setStyleSheet("")
        self._said.setText(text)

    def fail(self, what: str, where: str | None, remedy: str | None) -> None:
        """What is wrong, where, and what to do about it, a line each."""
        self._said.setStyleSheet("color: #ff8a65")
        self._said.setText(
            "\n".join(filter(None, (what, where and f"in: {where}", remedy and f"do: {remedy}")))
        )

    def said(self) -> str:
        """What stands there."""
        return str(self._said.text())

    # Qt

    def _group(self, title: str, fields: Sequence[tuple[str | None, Any]]) -> Any:
        box = self._qt.QGroupBox(title)
        layout = self._qt.QFormLayout(box)
        for name, field in fields:
            if isinstance(field, self._qt.QComboBox):  # long names of layers must not widen the window
                field.setSizeAdjustPolicy(field.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
                field.setMinimumContentsLength(8)
            if name is None:
                layout.addRow(field)
            else:
                layout.addRow(name, field)
        return box

    def _row(self, *widgets: Any) -> Any:
        holder = self._qt.QWidget()
        layout = self._qt.QHBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in widgets:
            layout.addWidget(widget)
        return holder

    def _button(self, text: str, act: Callable[[], object], about: str) -> Any:
        button = self._qt.QPushButton(text)
        button.setToolTip(about)
        button.clicked.connect(lambda *_: act())
        return button

    def _fill(self, box: Any, layers: Sequence[Any], chosen: Any, last: str | None = None) -> None:
        box.clear()
        box.addItems([*(layer.name for layer in layers), *filter(None, [last])])
        if chosen in layers:
            box.setCurrentIndex(list(layers).index(chosen))

    def _chosen(self, box: Any, layers: Sequence[Any]) -> Any:
        return layers[box.currentIndex()] if 0 <= box.currentIndex() < len(layers) else None

    def _renamed(self, *_: object) -> None:
        self.offer(self._images, self._marks)

    def _offer_says(self, *_: object) -> None:
        chosen = self._says.currentData()
        self._says.clear()
        names = [n.strip() for n in self.class_names().split(",") if n.strip()]
        for text, says in (("classes by number", BY_NUMBER), *((n, n) for n in names), (NOT_THIS, NOT_THIS)):
            self._says.addItem(text, says)
        self._says.setCurrentIndex(max(self._says.findData(chosen), 0))

    def _list_targets(self) -> None:
        from qtpy.QtCore import Qt

        self._targets.blockSignals(True)
        self._targets.clear()
        for layer in self._images:
            item = self._qt.QListWidgetItem(layer.name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            ticked = id(layer) not in self._unticked
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            self._targets.addItem(item)
        self._targets.blockSignals(False)

    def _ticked(self, item: Any) -> None:
        from qtpy.QtCore import Qt

        layer = id(self._images[self._targets.row(item)])
        if item.checkState() == Qt.CheckState.Checked:
            self._unticked.discard(layer)
        else:
            self._unticked.add(layer)

    def _add(self) -> None:
        picture = self._chosen(self._picture, self._images)
        if picture is None:
            self.fail("there is no picture", None, "open one, or take a sample: File > Open Sample > cuecast")
            return
        self._panel.add_cue(
            picture, self._chosen(self._mark, self._marks), self._says.currentData() or BY_NUMBER
        )

    def _remove(self) -> None:
        if self._listed.currentRow() >= 0:
            self._panel.remove_cue(self._listed.currentRow())

    def _save(self) -> None:
        path, _ = self._qt.QFileDialog.getSaveFileName(
            self.widget, "Save the cues", "cues.zip", "Cue sets (*.zip)"
        )
        if path:
            self._panel.save(Path(path))

    def _load(self, as_layers: bool) -> None:
        path, _ = self._qt.QFileDialog.getOpenFileName(
            self.widget, "Load cues", "", "Cue sets (*.zip cues.json)"
        )
        if path:
            found = Path(path)
            self._panel.load(found.parent if found.name == "cues.json" else found, as_layers)

    def _in_folder(self) -> None:
        ask = self._qt.QFileDialog.getExistingDirectory
        folder = ask(self.widget, "The folder of pictures")
        out = folder and ask(self.widget, "A folder for the results")
        if folder and out:
            self._panel.find_in_folder(Path(folder), Path(out))
