"""The regions of an image as pictures for the page, made once and kept in the cache."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.io.files import replacing
from cuecast.service.interactive import Interactive
from cuecast.service.parts import Parts
from cuecast.service.preview import AskRegions
from cuecast.service.ready import pack_of
from cuecast.service.store import images, projects

Size = Literal["small", "large"]


async def region_file(parts: Parts, interactive: Interactive, project: str, image: str, size: Size) -> Path:
    """A PNG whose pixels are numbers of regions, red + 256 * green; it may be smaller than the image.

    Raises Problem: 404; those of answers at once; what reading the image raises.
    """
    places, pack = await asyncio.to_thread(_places, parts, project, image)
    if not places[size].is_file():
        found = (await interactive.ask(AskRegions(project, image, pack))).fields
        await asyncio.to_thread(_write, places, found)
    return places[size]


def _places(parts: Parts, project: str, image: str) -> tuple[dict[str, Path], str | None]:
    """Where the two pictures lie, and the project's pack: another one sees other regions."""
    with parts.database.reading() as session:
        row, owner = images.find(session, project, image), projects.find(session, project)
        pack = owner.pack
    tag = f"{row.id}-{row.digest[:32]}-{pack_of(parts.settings, pack).digest[:16]}"
    return {size: parts.files.cache / f"{tag}-regions-{size}.png" for size in ("small", "large")}, pack


def _write(places: dict[str, Path], found: dict[str, NDArray[np.int32]]) -> None:
    for size, place in places.items():
        ids = found[size]
        rgb = np.stack([ids & 255, ids >> 8, np.zeros_like(ids)], -1).astype(np.uint8)
        with replacing(place) as temporary:
            PILImage.fromarray(rgb).save(temporary, "PNG", compress_level=3)
