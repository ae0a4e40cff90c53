"""Models of the wire for labels of other programs that become marks; the others are in `schemas`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cuecast.service.schemas import Name, Reply, Request


class LabelsWay(Request):
    """How labels are read. `format`: the name of one, where neither suffixes nor content are to tell; 'objects': each
    number of a picture is an object, 'masks': each is a class. `replace`: also of images that are marked. `empty`:
    where nothing is marked, the thing is not there; else such images are left out. `store`: they become marks; else
    they are only looked at. `person`: they become what this person has marked, beside the images' own marks.
    """

    format: Annotated[str | None, Field(max_length=40, pattern=r"^[a-z-]+$")] = None
    replace: bool = False
    empty: bool = True
    store: bool = False
    person: Name | None = None


class LabelsOfFile(LabelsWay):
    """Labels that are sent. `name` of the file: its suffix tells the format; a .zip holds a folder of them."""

    name: Annotated[
        str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["coco.json"])
    ]


class LabelsOfFolder(LabelsWay):
    """Labels on the server: a folder or file below one of its roots."""

    path: str = Field(min_length=1, max_length=4096)


class LabelledImage(Reply):
    """An image of the project of which labels speak. `objects`: name of a class -> number; `absent`: none is there;
    `replaces`: it is marked, and these take the place of its marks.
    """

    image: str
    name: str
    file: str
    objects: dict[str, int]
    absent: bool
    replaces: bool


class LabelledClass(Reply):
    """A class of labels. `new`: the project does not have it yet."""

    name: str
    new: bool
    objects: int


class LeftOut(Reply):
    """Why something was left out, how often, and some of the files or images."""

    reason: str
    count: int
    names: list[str]


class LabelsRead(Reply):
    """What labels say: at most 500 of the images are listed, `count` says how many there are, `absent` on how many of
    them nothing is marked, and `replaced` how many are marked already. `notes`: how files were understood.
    """

    images: list[LabelledImage]
    count: int
    absent: int
    replaced: int
    classes: list[LabelledClass]
    left_out: list[LeftOut]
    notes: list[str]
    stored: bool
