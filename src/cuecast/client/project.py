"""A project that a service keeps, with its images: runs, checking, labels, several people, exports, kept runs.

What comes back are the documents of the HTTP API (docs/service.md): dicts of JSON.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuecast.client.jobs import done
from cuecast.client.wire import Wire
from cuecast.core.consensus import Way
from cuecast.core.errors import InputError
from cuecast.core.ordered import Progress, silent

BINARY = {"Content-Type": "application/octet-stream"}
AT_ONCE = 500
"""Images of one request."""
Document = dict[str, Any]


@dataclass(frozen=True, eq=False)
class RemoteProject:
    """A project of a service by its id: that of the address of its page, and `project` of a `RemoteConcept`."""

    wire: Wire
    id: str

    def images(self, checked: bool | None = None) -> Iterator[Document]:
        """Its images by name, with 'id', 'name', 'checked', 'marks' and 'prediction'; with `checked` those that are
        checked, or are not. Raises CuecastError."""
        asked = {} if checked is None else {"checked": str(checked).lower()}
        yield from self._listed("images", asked)

    def add(self, image: str | Path) -> Document:
        """Send an image, which the service keeps. Raises InputError, ImageError, CuecastError."""
        path = Path(image)
        sent: Document = self.wire.ask(
            "POST", f"{self._path}/images", params={"name": path.name}, content=_read(path), headers=BINARY
        )
        return sent

    def run(
        self, images: Sequence[str] | None = None, overwrite: bool = False, progress: Progress = silent
    ) -> Document:
        """Segment the images whose answer may have changed, or all with `overwrite`, and wait.

        images  ids; None: all.

        Returns 'counts' of verdicts, how many were 'kept', and 'failures'. Raises CueError, CuecastError.
        """
        wanted = {"images": None if images is None else list(images), "overwrite": overwrite}
        return dict(done(self.wire, f"{self._path}/runs", wanted, progress)["result"])

    def right(self, image: str) -> None:
        """Call what was found on an image right: its mask is known, and teaches nothing.

        image  its id.

        One that is marked wholly is known already, and stays as it is. Raises CuecastError where nothing was found yet.
        """
        at = f"{self._path}/images/{image}"
        if self.wire.ask("GET", at)["checked"]:
            return
        mask = self.wire.ask("GET", f"{at}/prediction/mask", params={"as": "rle"})
        known = {"mask": mask} if mask["counts"] else {"absent": True}
        version = self.wire.ask("GET", f"{at}/marks")["version"]
        self.wire.ask("PUT", f"{at}/marks", json={"version": version, "teaches": False, **known})

    def wrong(self, image: str, wrong: bool = True) -> None:
        """Call what was found on an image wrong, or take that back; one that was called right is so no more.

        image  its id.

        Raises CuecastError where nothing was found yet.
        """
        self.wire.ask("PUT", f"{self._path}/images/{image}/prediction/review", json={"wrong": wrong})

    def labels(
        self,
        labels: str | Path,
        format: str | None = None,
        replace: bool = False,
        empty: bool = True,
        person: str | None = None,
    ) -> RemoteLabels:
        """What labels of another program would be as marks of these images; `.store()` makes them marks.

        labels   a file, a .zip of a folder, or a folder, whose files are sent.
        format   where neither suffix nor content are to tell; of pictures of numbers 'masks' or 'objects'.
        replace  also of images that are marked.
        empty    where nothing is marked, the thing is not there; else such images are left out.
        person   they become what this person has marked, beside the images' own marks.

        Raises InputError, CuecastError.
        """
        path = Path(labels)
        way = {"name": path.name, "replace": str(replace).lower(), "empty": str(empty).lower()}
        if path.is_dir():
            way["name"] += ".zip"
        if format is not None:
            way["format"] = format
        if person is not None:
            way["person"] = person
        data = _packed(path) if path.is_dir() else _read(path)
        return RemoteLabels.sent(self, data, way)

    def people(self) -> Document:
        """Who has marked images by himself, and how far they agree: 'people', 'pairs', 'images' and 'agreement'.

        Each of `images` says by whom it was marked. Raises CuecastError.
        """
        told: Document = self.wire.ask("GET", f"{self._path}/people")
        return told

    def consensus(
        self, images: Sequence[str] | None = None, way: Way = "majority", replace: bool = False
    ) -> tuple[Document, ...]:
        """Make one truth of what people have marked the images' own marks; returns the images that were refused.

        images   ids; None: all that two people at least have marked wholly.
        way      'majority', 'unanimous' or 'staple'; docs/consensus.md.
        replace  also of images that have marks of their own.

        Each is a dict with 'image', 'code' and 'message'. Raises CuecastError.
        """
        wanted = [i["id"] for i in self.images() if len(i["people"]) > 1] if images is None else list(images)
        refused: list[Document] = []
        for start in range(0, len(wanted), AT_ONCE):
            sent = {"action": "consensus", "images": wanted[start : start + AT_ONCE]}
            how = {"way": way, "replace": replace}
            told = self.wire.ask("POST", f"{self._path}/images/actions", json=sent | how)
            refused += told["refused"]
        return tuple(refused)

    def export(
        self,
        path: str | Path,
        formats: Sequence[str] = ("masks", "coco", "csv"),
        checked: bool = False,
        progress: Progress = silent,
    ) -> Path:
        """Write the results as a .zip, with what `cuecast segment` writes; returns its path.

        formats  as `POST .../exports` has them; docs/service.md.
        checked  the checked images alone, with the masks that a person has drawn or called right.

        Raises InputError (nothing to export), OutputError, CuecastError.
        """
        wanted = {"formats": list(formats), "checked": checked}
        job = done(self.wire, f"{self._path}/exports", wanted, progress)
        return self.wire.save(f"/v1/jobs/{job['id']}/file", path)

    def keep(self, name: str) -> RemoteKept:
        """Keep the present results under a name, beside those of later runs. Raises CuecastError."""
        return RemoteKept(self, self.wire.ask("POST", f"{self._path}/kept", json={"name": name}))

    def kept(self) -> tuple[RemoteKept, ...]:
        """The runs that are kept, the newest first. Raises CuecastError."""
        return tuple(RemoteKept(self, run) for run in self._listed("kept", {}))

    @property
    def _path(self) -> str:
        return f"/v1/projects/{self.id}"

    def _listed(self, what: str, asked: Mapping[str, str]) -> Iterator[Document]:
        """All items of a list of the project, part by part."""
        cursor: dict[str, str] = {}
        while True:
            part = self.wire.ask("GET", f"{self._path}/{what}", params={**asked, **cursor})
            yield from part["items"]
            if part["next"] is None:
                return
            cursor = {"cursor": part["next"]}


@dataclass(frozen=True, eq=False)
class RemoteLabels:
    """Labels as the service has read them.

    said  'images' (500 at most), 'count', 'absent', 'replaced', 'classes', 'left_out', 'notes' and 'stored'.
    """

    project: RemoteProject
    said: Mapping[str, Any]
    data: bytes
    way: Mapping[str, str]

    @classmethod
    def sent(cls, project: RemoteProject, data: bytes, way: Mapping[str, str]) -> RemoteLabels:
        """Send a file of labels. Raises InputError, CuecastError."""
        said = project.wire.ask(
            "POST", f"/v1/projects/{project.id}/labels", params=dict(way), content=data, headers=BINARY
        )
        return cls(project, said, data, way)

    def store(self) -> RemoteLabels:
        """Make them marks, of all images of which something can be used, or of none. Raises InputError,
        CuecastError."""
        return RemoteLabels.sent(self.project, self.data, {**self.way, "store": "true"})


@dataclass(frozen=True, eq=False)
class RemoteKept:
    """Results that a project has kept.

    said  'id', 'name', 'created', and numbers of 'images', 'cues' and 'verdicts'.
    """

    project: RemoteProject
    said: Mapping[str, Any]

    def compare(self, other: RemoteKept | None = None) -> tuple[Document, ...]:
        """What this run ('before') and another kept one, or the present results, ('after') say of each image.

        'likeness' of the two masks is their mean IoU; 'truth' says how well each fits what is known, where it is.
        Raises CuecastError.
        """
        beside = {} if other is None else {"with": other.said["id"]}
        return tuple(self.project._listed(f"kept/{self.said['id']}/comparison", beside))

    def delete(self) -> None:
        """Delete it; the present results stay. Raises CuecastError."""
        self.project.wire.ask("DELETE", f"/v1/projects/{self.project.id}/kept/{self.said['id']}")


def _read(path: Path) -> bytes:
    """The bytes of a file. Raises InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path, "name a file that is there") from error


def _packed(folder: Path) -> bytes:
    """The files below a folder as a .zip. Raises InputError where there are none."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise InputError("holds no file", folder, "name a folder with label files")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(path.relative_to(folder).as_posix(), _read(path))
    return packed.getvalue()
