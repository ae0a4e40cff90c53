"""What every format of labels is written from: a sheet an image.

The module of a format that is written has

    write_labels(place, sheets, classes, shape) -> Path

place    file, or folder of one file an image where the format says so (`Format.a_file_each`).
sheets   any iterable; each is written as it comes, so that memory does not grow with their number where the format
         allows it.
shape    'rle': run lengths or brush strokes; 'polygon': outlines along pixel edges, for programs that read nothing
         else. Both are exact; formats that know one alone write that.

Every file is written whole or not at all. Raises OutputError, and ValueError for an object of no listed class.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element, tostring

from cuecast.core.objects import Annotations
from cuecast.io.stores import is_stored, url_of

Shape = Literal["rle", "polygon"]


@dataclass(frozen=True)
class Sheet:
    """The objects of one image.

    stem   of the files that are of this image alone.
    found  under the name by which files for all images list it.
    image  where the image lies; None where that is not known.
    home   the folder in a store to which the folder of all sheets is put; None where it stays.
    """

    stem: str
    found: Annotations
    image: Path | None = None
    home: Path | None = None

    def image_from(self, folder: Path) -> str | None:
        """The way from a folder of sheets to the image, with '/'; None where there is none (two drives), or no image.

        Between a store and somewhere else there is no way: it is the URL of the image then, or its whole path.
        """
        if self.image is None:
            return None
        if is_stored(self.image) and (self.home is None or self.home.parts[:2] != self.image.parts[:2]):
            return url_of(self.image)
        if self.home is not None and not is_stored(self.image):
            return Path(os.path.abspath(self.image)).as_posix()
        try:
            return Path(os.path.relpath(self.image, self.home or folder)).as_posix()
        except ValueError:
            return None


NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no sign for: control characters, and the bytes of file names that are no Unicode."""


def xml_bytes(element: Element) -> bytes:
    """An element as UTF-8. What XML has no sign for becomes U+FFFD, the replacement character."""
    for each in element.iter():
        each.text = NO_XML.sub("\ufffd", each.text) if each.text else each.text
        for key, value in each.items():
            each.set(key, NO_XML.sub("\ufffd", value))
    written: bytes = tostring(element, encoding="utf-8")
    return written
