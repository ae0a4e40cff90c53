"""The objects of a video as one JSON file in the form of YouTube-VIS: COCO, with one entry a frame in each object.

Yang, Fan and Xu, 'Video instance segmentation', ICCV 2019. {"videos": [{"id", "width", "height", "length",
"file_names"}], "categories": [...], "annotations": [{"id", "video_id", "category_id", "iscrowd", "segmentations",
"bboxes", "areas"}]}: the last three lists have null where the object is not seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
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
        for number, info in enumerate(classes, start=1):
            entry = {
                "id": number,
                "video_id": 1,
                "category_id": info.id,
                "iscrowd": 0,
                "width": w,
                "height": h,
            }
            out.write((",\n" if number > 1 else "\n") + json.dumps(entry)[:-1] + ', "segmentations": [')
            boxes: list[list[int] | None] = []
            areas: list[int | None] = []
            for i, frame in enumerate(frames()):
                obj = _whole(frame, info.id)
                segmentation = None
                if obj is not None:
                    x1, y1, x2, y2 = obj.xyxy
                    counts = compress_counts(encode_rle(obj, frame.size))
                    segmentation = {"size": list(frame.size), "counts": counts}
                boxes.append(None if obj is None else [x1, y1, x2 - x1, y2 - y1])
                areas.append(None if obj is None else obj.area)
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
