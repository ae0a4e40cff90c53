"""Large pictures made small while they are read, in bounded memory: PNG band by band, JPEG by its own decoder.

Pillow decodes a PNG as a whole alone. So a band of filtered rows becomes a small PNG of its own, below the last row of
the band before, on which its first row may be based, and that one Pillow decodes.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL.Image import Exif
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from cuecast.core.errors import ImageError, cause
from cuecast.core.geometry import upright
from cuecast.io.images import read_image
from cuecast.io.pixels import BROKEN, exif_orientation

BAND_BYTES = 8 << 20
"""Of a band, as it is stored."""


@dataclass(frozen=True, eq=False)
class Reduced:
    """A picture made small: pixels (h, w, 3) uint8, upright. `size` is the (height, width) of the whole, upright."""

    pixels: NDArray[np.uint8]
    size: tuple[int, int]


def read_reduced(path: Path, side: int) -> Reduced | None:
    """A picture whose longer side is at least `side` where the whole has that, made small by whole factors.

    None for what has to be read as a whole: other kinds of files, more than 8 bits, interlaced and progressive ones,
    colours of print. Raises ImageError where the file is damaged or cut short.
    """
    try:
        with open(path, "rb") as stream:
            head = stream.read(8)
        if head == b"\x89PNG\r\n\x1a\n":
            return _png(path, side)
        return _jpeg(path, side) if head.startswith(b"\xff\xd8\xff") else None
    except ImageError:
        raise
    except BROKEN as error:
        raise ImageError(
            f"the image is damaged or cut short ({cause(error)})", path, "copy or save it again"
        ) from error


def _png(path: Path, side: int) -> Reduced | None:
    with open(path, "rb") as stream:
        orientation = png_orientation(stream)
        stream.seek(0)
        head = read_png_head(stream)
        if orientation is None or head.interlaced or head.depth > 8 or head.row_bytes > BAND_BYTES:
            return None
        factor = _factor(head, side)
        rows = max(1, BAND_BYTES // head.row_bytes // factor) * factor
        bands = []
        for raw in read_bands(stream, head, rows):
            band = PILImage.fromarray(_shown(head, raw))
            bands.append(np.asarray((band.reduce(factor) if factor > 1 else band).convert("RGB")))
    return _turned(np.concatenate(bands), (head.height, head.width), orientation)


def _shown(head: PngHead, raw: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) or (H, W, 3): a band as the library shows such an image."""
    if head.depth == 8 and head.colour in (0, 2) and not head.chunks:
        return raw if head.colour == 0 else raw.reshape(len(raw), head.width, 3)
    return read_image(band_png(head, raw)).pixels


def _jpeg(path: Path, side: int) -> Reduced | None:
    with open(path, "rb") as stream, JpegImageFile(stream) as opened:
        if opened.mode not in ("L", "RGB") or opened.info.get("progressive"):
            return None
        width, height = opened.size
        orientation = exif_orientation(opened)
        opened.draft(opened.mode, (min(side, width), min(side, height)))
        pixels = np.asarray(opened.convert("RGB"))
    return _turned(pixels, (height, width), orientation)


def _turned(pixels: NDArray[np.uint8], size: tuple[int, int], orientation: int) -> Reduced:
    turned = size[::-1] if orientation in (5, 6, 7, 8) else size
    return Reduced(np.ascontiguousarray(upright(pixels, orientation)), turned)


def _factor(head: PngHead, side: int) -> int:
    return max(1, max(head.width, head.height) // side)


SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIECE = 1 << 20
"""Bytes that are read of a file at a time."""
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Colour type -> samples of a pixel."""
_RAW = {1: 0, 2: 4, 3: 2, 4: 6}
"""Bytes of a pixel -> colour type of 8 bits with pixels of that size: what rows are decoded as, whatever they are."""


@dataclass(frozen=True)
class PngHead:
    """What stands before the pixels. `chunks`: palette and transparency, as they are in the file."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool
    chunks: bytes

    @property
    def row_bytes(self) -> int:
        """Length of an unfiltered row."""
        return -(-self.width * CHANNELS[self.colour] * self.depth // 8)


def read_png_head(stream: IO[bytes]) -> PngHead:
    """Read up to the first data, where the stream then stands. Raises ValueError for what is no PNG."""
    if stream.read(8) != SIGNATURE:
        raise ValueError("it does not begin as a PNG")
    head, kept = None, b""
    while True:
        length, kind = _chunk(stream)
        if kind == b"IDAT":
            stream.seek(-8, io.SEEK_CUR)
            break
        if kind == b"IEND":
            raise ValueError("it ends before its pixels")
        if length > PIECE:
            raise ValueError(f"its chunk {kind!r} has {length} bytes")
        data = stream.read(length)
        stream.seek(4, io.SEEK_CUR)
        if kind == b"IHDR":
            head = struct.unpack(">IIBBBBB", data)
        elif kind in (b"PLTE", b"tRNS"):
            kept += _made(kind, data)
    if head is None or head[3] not in CHANNELS or not head[0] or not head[1]:
        raise ValueError("its header is missing or says nothing that is known")
    width, height, depth, colour, _, _, interlaced = head
    return PngHead(width, height, depth, colour, bool(interlaced), kept)


def read_bands(stream: IO[bytes], head: PngHead, rows: int) -> Iterator[NDArray[np.uint8]]:
    """The rows of the image as they are stored, unfiltered: (so many, row bytes) at a time; the stream is at the data.

    Not for interlaced images and samples of more than 8 bits. Raises ValueError, zlib.error or what Pillow raises
    where the file is damaged or cut short.
    """
    data = _inflated(stream, (head.row_bytes + 1) * rows)
    before = np.zeros(head.row_bytes, np.uint8)
    done = 0
    while done < head.height:
        count = min(rows, head.height - done)
        filtered = next(data, b"")[: (head.row_bytes + 1) * count]
        if len(filtered) < (head.row_bytes + 1) * count:
            raise ValueError(f"its data end in row {done + len(filtered) // (head.row_bytes + 1)}")
        raw = _unfiltered(filtered, before, head, count)
        before = raw[-1]
        yield raw
        done += count


def png_orientation(stream: IO[bytes]) -> int | None:
    """1 to 8, as the EXIF of a PNG says; None where it is in an old form that Pillow alone reads."""
    stream.seek(len(SIGNATURE))
    kind = b""
    while kind != b"IEND":
        length, kind = _chunk(stream)
        begin = stream.tell()
        if kind == b"eXIf" and length <= PIECE:
            exif = Exif()
            exif.load(stream.read(length))
            return int(exif.get(0x0112, 1))
        if kind in (b"tEXt", b"zTXt", b"iTXt") and stream.read(21) == b"Raw profile type exif":
            return None
        stream.seek(begin + length + 4)
    return 1


def _unfiltered(filtered: bytes, before: NDArray[np.uint8], head: PngHead, count: int) -> NDArray[np.uint8]:
    """(count, row bytes): the rows as they are, by those of the file and the one before them."""
    step = max(1, CHANNELS[head.colour] * head.depth // 8)
    joined = b"\0" + before.tobytes() + filtered
    with PngImageFile(
        io.BytesIO(_packed(head.row_bytes // step, count + 1, 8, _RAW[step], b"", joined))
    ) as image:
        return np.asarray(image).reshape(count + 1, head.row_bytes)[1:]


def band_png(head: PngHead, raw: NDArray[np.uint8]) -> bytes:
    """Rows (n, bytes) of an image as a PNG of their own, with its palette and transparency."""
    rows = np.pad(raw, ((0, 0), (1, 0))).tobytes()  # the filter 'none' before each
    return _packed(head.width, len(raw), head.depth, head.colour, head.chunks, rows)


def _inflated(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """The data of a PNG in pieces of `size` bytes, the last one shorter; never more of them in memory."""
    machine = zlib.decompressobj()
    component = bytearray()
    for packed in _data(stream):
        left = packed
        while left and not machine.eof:
            component += machine.decompress(left, size - len(component))
            left = machine.unconsumed_tail
            if len(component) == size:
                yield bytes(component)
                component.clear()
    yield bytes(component)


def _data(stream: IO[bytes]) -> Iterator[bytes]:
    """The bytes of the data chunks, a megabyte at a time."""
    length, kind = _chunk(stream)
    while kind == b"IDAT":
        while length:
            data = stream.read(min(length, PIECE))
            if not data:
                return  # cut short: whoever counts the rows sees it
            length -= len(data)
            yield data
        stream.seek(4, io.SEEK_CUR)
        length, kind = _chunk(stream)


def _chunk(stream: IO[bytes]) -> tuple[int, bytes]:
    """(length, kind) of the chunk that begins here. The end of the file is taken for the last one, which some omit."""
    head = stream.read(8)
    if len(head) < 8:
        return 0, b"IEND"
    length, kind = struct.unpack(">I4s", head)
    return int(length), bytes(kind)


def _packed(width: int, height: int, depth: int, colour: int, chunks: bytes, rows: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = _made(b"IDAT", zlib.compress(rows, 0))
    return SIGNATURE + _made(b"IHDR", head) + chunks + data + _made(b"IEND", b"")


def _made(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
