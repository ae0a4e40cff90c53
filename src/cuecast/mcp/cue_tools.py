"""The tools that make, change, show and judge cue sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from pydantic import Field

from cuecast.core.errors import CueError, CueSetError
from cuecast.core.marks import read_marks
from cuecast.core.values import KINDS, ClassInfo, Mark, Stroke
from cuecast.cues import Cue
from cuecast.cuesets.cueset import CueSet, overview, read_cueset
from cuecast.cuesets.edit import Draft, add_cues, new_cueset, undo
from cuecast.cuesets.history import versions
from cuecast.io.bundle import Bundle
from cuecast.mcp import schemas as s
from cuecast.mcp.desk import Desk, answer, reporter
from cuecast.runs import actions
from cuecast.runs.actions import Checked

NewClasses = Annotated[
    Sequence[str], Field(description="Names of classes that the set does not have yet; their ids follow on")
]
CuesGiven = Annotated[list[s.CueGiven], Field(min_length=1, max_length=s.MOST, description="The new cues")]

ON_SHEET = 24
"""Cues at most on a picture of a set: more could not be made out."""


@dataclass(frozen=True, eq=False)
class CueTools:
    """Each public method is a tool; its docstring is the tool's description."""

    desk: Desk

    def new_cueset(
        self,
        cueset: Annotated[str, Field(description="Where to make it: a folder, or a name that ends in .zip")],
        cues: Annotated[Sequence[s.CueGiven], Field(max_length=s.MOST, description="The first cues")] = (),
        classes: Annotated[Sequence[str], Field(min_length=1, description="Names of class 1, 2, ...")] = (
            "thing",
        ),
    ) -> s.CueSetState:
        """Make a cue set: what shows, on a few images, the thing that is to be found on others.

        Each cue is an image with a mask, boxes, points, scribbles or polygons, or the statement that the thing is
        absent there. Images and masks are copied in. Nothing is made where a cue cannot be used.
        """
        root = self.desk.roots.path(cueset)
        infos = _classes(classes)
        given = [self._cue(cue, infos) for cue in cues]
        blank = Bundle(root, {}, is_zip=root.suffix.lower() == ".zip")
        draft = Draft(CueSet(root, tuple(infos), (), blank), infos)
        for cue in given:
            draft.add(cue, replace_all=False)
        made = new_cueset(root, infos)
        return _state(add_cues(root, given) if given else made)

    def add_cues(
        self,
        cueset: s.CueSetPath,
        cues: CuesGiven,
        new_classes: NewClasses = (),
        replace_all: Annotated[
            bool, Field(description="Take the place of all that the set says of these images, 'absent' too")
        ] = False,
    ) -> s.CueSetState:
        """Add cues to a cue set, all of them or none, as one change that `undo_cues` takes back.

        An image has one mask in a set: a new one takes the place of the earlier. Other marks join those there.
        """
        root = self.desk.roots.existing(cueset)
        known = read_cueset(root).classes
        infos = _classes(new_classes, known)
        given = [self._cue(cue, infos) for cue in cues]
        return _state(add_cues(root, given, infos, replace=replace_all))

    def undo_cues(
        self,
        cueset: s.CueSetPath,
        to: Annotated[
            int | None, Field(ge=1, description="Go to this version; null: one change back")
        ] = None,
    ) -> s.CueSetState:
        """Take back the last change of a cue set, or go to a version. Nothing is forgotten: that is a change, too."""
        return _state(undo(self.desk.roots.existing(cueset), to))

    def show_cueset(
        self,
        cueset: s.CueSetPath,
        limit: s.Limit = s.LIMIT,
        offset: s.Offset = 0,
        picture: s.Picture = False,
    ) -> Annotated[CallToolResult, s.CueSetState]:
        """Show the classes and cues of a cue set; with `picture`, also a sheet of the first of them."""
        read = read_cueset(self.desk.roots.existing(cueset))
        sheet = replace(read, entries=read.entries[offset : offset + min(limit, ON_SHEET)])
        return answer(_state(read, limit, offset), overview(sheet) if picture else None)

    def check_cues(
        self,
        context: Context,
        shown: s.Shown,
        scale: s.ScaleName = "frame",
        limit: s.Limit = s.LIMIT,
    ) -> s.CuesChecked:
        """Say whether a cue set can be read, which of its cues hurt, and whether more would help.

        With two complete cues (mask or polygons) or more, each is predicted from all the others. That takes some
        twenty answers a cue.
        """
        root = self.desk.place(shown)
        request = actions.CheckRequest(root, lambda: self.desk.predictor(shown.pack), scale)
        return _checked(actions.check(request, reporter(context)), limit)

    def suggest_images(
        self,
        context: Context,
        shown: s.Shown,
        images: s.ImagePaths,
        count: Annotated[int, Field(ge=1, le=50, description="How many to name at most")] = 5,
        recursive: s.Recursive = False,
        scale: s.ScaleName = "frame",
        at_most: Annotated[int, Field(ge=1, le=5000, description="Images to look at in this call")] = 200,
    ) -> s.ImagesSuggested:
        """Name the images that are worth marking next, best first: doubtful, unlike the cues, like many others.

        Each image that is looked at is segmented once; nothing is written.
        """
        read = self.desk.shown(shown)
        paths = self.desk.roots.images(images, recursive)
        concept = self.desk.concept(read, shown.pack, scale)
        request = actions.SuggestRequest(concept, paths, count, at_most=at_most)
        found = actions.suggest(request, reporter(context))
        return s.ImagesSuggested(
            suggestions=[s.ImageSuggested.model_validate(f) for f in found.suggestions],
            looked_at=found.images,
            of=len(paths),
            failed=[error for _, error in found.failures[:10]],
            note=self.desk.roots.note_of_others(images, recursive),
        )

    def _cue(self, given: s.CueGiven, classes: Sequence[ClassInfo]) -> Cue:
        """A cue with its paths below the roots and its classes by their ids. Raises InputError."""
        document = given.model_dump(by_alias=True)
        drawn = {
            name: [{**m, "class": _class_id(m["class"], kind, classes, given.image)} for m in document[name]]
            for name, kind in KINDS.items()
        }
        image, mask, objects = (
            self.desk.roots.existing(path) if path else None
            for path in (given.image, given.mask, given.objects)
        )
        return Cue(
            image,
            mask,
            given.value,
            **read_marks(drawn),
            absent=given.absent,
            page=given.page,
            objects=objects,
        )


def _class_id(ref: int | str, kind: type[Mark], classes: Sequence[ClassInfo], image: str) -> int:
    if ref == 0 and issubclass(kind, Stroke):
        return 0
    for info in classes:
        if ref in (info.name, info.id):
            return info.id
    known = ", ".join(f"{c.id} ({c.name})" for c in classes)
    raise CueError(f"class {ref!r} is unknown, known are {known}", image, "name a new one in the classes")


def _classes(names: Sequence[str], known: Sequence[ClassInfo] = ()) -> list[ClassInfo]:
    """`known` and the new names with the ids that follow."""
    first = max((c.id for c in known), default=0) + 1
    return [*known, *(ClassInfo(i, name) for i, name in enumerate(names, start=first))]


def _state(cueset: CueSet, limit: int = s.LIMIT, offset: int = 0) -> s.CueSetState:
    latest = versions(cueset)[-1]
    shown = cueset.entries[offset : offset + limit]
    end = offset + len(shown)
    if offset and not shown:
        raise CueSetError(f"it has {len(cueset.entries)} cues", cueset.root, "give a smaller offset")
    return s.CueSetState(
        cueset=str(cueset.root),
        version=latest.version,
        changed=latest.what,
        digest=latest.digest,
        classes=[s.ClassName(id=c.id, name=c.name, colour=c.colour) for c in cueset.classes],
        count=len(cueset.entries),
        cues=[s.CueShown(image=e.image, kinds=list(e.kinds)) for e in shown],
        next_offset=end if end < len(cueset.entries) else None,
    )


def _checked(found: Checked, limit: int) -> s.CuesChecked:
    findings, result = found.findings, found.leave_one_out
    scores = sorted(result.scores, key=lambda c: 2.0 if c.iou is None else c.iou) if result else []
    flags = result.flags if result else ()
    return s.CuesChecked(
        usable=found.ok,
        findings=[
            s.FileFinding(level=f.level, where=f.entry, reason=f.reason, remedy=f.remedy)
            for f in findings[:limit]
        ],
        iou=result.iou if result else None,
        lowest=[s.CueScored.model_validate(c) for c in scores[:limit]],
        flags=[s.CueFlagged.model_validate(f) for f in flags[:limit]],
        more_helps=result.more_helps if result else None,
        advice=result.advice if result else found.note or "mend the errors first",
        left_out=sum(max(0, len(each) - limit) for each in (findings, scores, flags)),
    )
