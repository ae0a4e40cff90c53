"""The objects of a video as one JSON file in the form of YouTube-VIS: COCO, with one entry a frame in each object.

Yang, Fan and Xu, 'Video instance segmentation', ICCV 2019. {"videos": [{"id", "width", "height", "length",
"file_names"}], "categories": [...], "annotations": [{"id", "video_id", "category_id", "iscrowd", "segmentations",
"bboxes", "areas"}]}: the last three lists have null where the object is not seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cuecast.core.objects import Annotations, ObjectMask, tight
from cuecast.core.values import ClassInfo
from cuecast.io.files import replacing
from cuecast.io.labels.outlines import compress_counts, encode_rle


def write_ytvis(
    path: str | Path,
    frames: Callable[[], Iterable[Annotations]],
    classes: tuple[ClassInfo, ...],
    name: str,
) -> Path:
    """Write one video, whole or not at all; returns the path. Each class is one object.

    frames  gives the frames in order, each time it is called: once for the head and once for each class, so that
            no more than one frame's objects are in memory. `name` is the video's.

    Raises OutputError.
    """
    names, size = [], (0, 0)
    for frame in frames():
        names.append(frame.name)
        size = frame.size

    def seen(cls: int) -> Iterator[Seen | None]:
        for frame in frames():
            obj = _whole(frame, cls)
            yield None if obj is None else Seen.of(obj, size)

    return _write(path, names, size, classes, name, ((c.id, seen(c.id)) for c in classes))


def write_identities(
    path: str | Path,
    frames: Iterable[tuple[Annotations, Sequence[int]]],
    classes: tuple[ClassInfo, ...],
    name: str,
) -> Path:
    """Write one video in which things of a class are told apart, an entry for each; see `write_ytvis`.

    frames  in order, each with the number of each of its objects; a thing keeps its number. The run lengths of all
            are in memory.
    """
    names, size = [], (0, 0)
    things: dict[int, tuple[int, dict[int, Seen]]] = {}
    for index, (frame, numbers) in enumerate(frames):
        names.append(frame.name)
        size = frame.size
        for number, obj in zip(numbers, frame.objects, strict=True):
            things.setdefault(number, (obj.cls, {}))[1][index] = Seen.of(obj, size)
    listed = ((cls, map(seen.get, range(len(names)))) for _, (cls, seen) in sorted(things.items()))
    return _write(path, names, size, classes, name, listed)


@dataclass(frozen=True)
class Seen:
    """An object in a frame: its box (x, y, width, height), its pixels, its run lengths as COCO packs them."""

    box: list[int]
    area: int
    counts: str

    @classmethod
    def of(cls, obj: ObjectMask, size: tuple[int, int]) -> Seen:
        """Of an object in a frame of `size` (H, W)."""
        x1, y1, x2, y2 = obj.xyxy
        return cls([x1, y1, x2 - x1, y2 - y1], obj.area, compress_counts(encode_rle(obj, size)))


def _write(
    path: str | Path,
    names: Sequence[str],
    size: tuple[int, int],
    classes: tuple[ClassInfo, ...],
    name: str,
    things: Iterable[tuple[int, Iterable[Seen | None]]],
) -> Path:
    """The file, of the class and the frames of each thing."""
    h, w = size
    video = {"id": 1, "name": name, "width": w, "height": h, "length": len(names), "file_names": names}
    head = {
        "info": {"description": "written by cuecast"},
        "licenses": [],
        "videos": [video],
        "categories": [
            {"id": c.id, "name": c.name, "supercategory": "", "color": list(c.rgb)} for c in classes
        ],
    }
    with replacing(path) as temporary, open(temporary, "w", encoding="ascii", newline="\n") as out:
        out.write(json.dumps(head)[:-1] + ', "annotations": [')
        for number, (cls, frames) in enumerate(things, start=1):
            entry = {
                "id": number,
                "video_id": 1,
                "category_id": cls,
                "iscrowd": 0,
                "width": w,
                "height": h,
            }
            out.write((",\n" if number > 1 else "\n") + json.dumps(entry)[:-1] + ', "segmentations": [')
            boxes: list[list[int] | None] = []
            areas: list[int | None] = []
            for i, seen in enumerate(frames):
                segmentation = None if seen is None else {"size": list(size), "counts": seen.counts}
                boxes.append(None if seen is None else seen.box)
                areas.append(None if seen is None else seen.area)
                out.write((", " if i else "") + json.dumps(segmentation))
            out.write(f'], "bboxes": {json.dumps(boxes)}, "areas": {json.dumps(areas)}}}')
        out.write("\n]}\n")
    return Path(path)


def _whole(frame: Annotations, cls: int) -> ObjectMask | None:
    """All pixels of a class in a frame as one object, tightly cropped; None where there are none."""
    own = [o for o in frame.objects if o.cls == cls]
    if not own:
        return None
    whole = Annotations(frame.name, frame.size, tuple(own)).label_map() == cls
    return tight(ObjectMask(cls, 0, 0, whole))
