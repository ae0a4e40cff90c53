"""How much the images of a project look like one of them, for an order of the gallery.

What an image looks like is a few numbers (`engine.descriptor`), made of its thumbnail once and kept in the cache.
"""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from sqlalchemy import select
from sqlalchemy.orm import Session

from cuecast.core.errors import CuecastError
from cuecast.engine.descriptor import describe, distances
from cuecast.io.files import replacing
from cuecast.service import pictures
from cuecast.service.frames import FrameAt
from cuecast.service.parts import Parts
from cuecast.service.problem import Problem
from cuecast.service.snapshot import source_place
from cuecast.service.store import images, projects
from cuecast.service.store.models import ImageRow

SECONDS = 4.0
"""So long one request looks at pictures that nobody has looked at yet; the next one goes on."""
SIZE = 256
"""Of the thumbnails that the gallery shows: made here, they are there for it."""


def unlikeness(parts: Parts, project: str, image: str) -> dict[str, float]:
    """Image id -> how little it looks like `image` (0: alike); without those that cannot be read.

    Raises Problem: 404; 429 `comparing` where there are more new ones than one request looks at: ask again at once, its
    details say how far it is; what reading `image` raises.
    """
    with parts.database.reading() as session:
        asked = images.find(session, project, image)
        rows = [asked, *(row for row in _rows(session, project) if row.id != image)]
        source = source_place(session, parts.files, projects.find(session, project))
    deadline = time.monotonic() + SECONDS
    looks: dict[str, NDArray[np.float32]] = {}
    new = 0
    for count, row in enumerate(rows):
        place = parts.files.cache / f"{row.id}-{row.digest[:32]}-look.npy"
        if not place.is_file():
            if new and time.monotonic() > deadline:
                said = f"{count} of {len(rows)} images are compared so far: ask again, and it goes on"
                details = {"done": count, "total": len(rows)}
                raise Problem("comparing", 429, said, details, headers={"Retry-After": "0"})
            frame = None if source is None or row.frame is None else FrameAt(source, row.frame)
            _look(parts, row, frame, place, row is asked)
            new += 1
        looks[row.id] = _read(str(place))
    known = [ident for ident, look in looks.items() if len(look)]
    if image not in known:
        raise Problem("image_unreadable", 422, f"{asked.name} cannot be read: sort by another picture")
    apart = distances(looks[image][None], np.stack([looks[ident] for ident in known]))[0]
    return dict(zip(known, apart.astype(float).tolist(), strict=True))


def _rows(session: Session, project: str) -> list[ImageRow]:
    of = select(ImageRow).where(ImageRow.project_id == project).order_by(ImageRow.order_key, ImageRow.id)
    return list(session.scalars(of))


def _look(parts: Parts, row: ImageRow, frame: FrameAt | None, place: Path, asked: bool) -> None:
    """Write what an image looks like: no numbers for one that cannot be read. Raises for the one that is asked for."""
    look = np.zeros(0, np.float32)
    try:
        small = pictures.preview(row, frame, parts.files, parts.settings.limits.pixels, SIZE)
        with PILImage.open(small.path) as opened:
            look = describe(np.asarray(opened.convert("RGB")))
    except CuecastError as error:
        busy = isinstance(error, Problem) and error.status == 429
        if asked or busy:
            raise
    with replacing(place) as temporary, open(temporary, "wb") as file:
        np.save(file, look)


@lru_cache(maxsize=50_000)
def _read(place: str) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.load(place, allow_pickle=False)
    return found
