"""Whether a cue set can be read and learnt from, and what it looks like."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from cuecast.core.drawing import draw_marks, thumbnail
from cuecast.core.errors import CueSetError, InputError, MissingExtraError
from cuecast.cuesets.cueset import INDEX, CueEntry, CueSet, Finding, read_classes_and_cues, read_example

SHEET_RGB = (28, 30, 34)
TEXT_RGB = (226, 228, 232)


def check_cueset(path: str | Path) -> list[Finding]:
    """Everything that keeps a cue set from being learnt, and what looks like a slip; empty where all is well.

    Raises CueSetError only where there is no cue set at all or its archive is refused.
    """
    findings: list[Finding] = []
    cueset = read_classes_and_cues(Path(path), findings.append)
    marked: set[int] = set()
    meaning: dict[str, list[CueEntry]] = {}
    for entry in cueset.entries:
        try:
            example = read_example(cueset, entry)
        except (InputError, CueSetError, MissingExtraError) as error:
            reason, _, remedy = str(error).partition("; ")
            findings.append(Finding("error", entry.image, reason, remedy or "correct or take out this cue"))
            continue
        marked |= set(example.marks.class_ids)
        meaning.setdefault(example.image.digest, []).append(entry)
    findings += _contradictions(meaning.values())
    if not findings:
        findings += _unmarked(cueset, marked)
    return findings + _unused(cueset)


def overview(cueset: CueSet, side: int = 320) -> PILImage.Image:
    """A contact sheet of the cues: each image with its marks over it, its name and its kind below.

    `side` is the longer side of a picture in pixels. Raises as `read_examples`.
    """
    cells = max(1, len(cueset.entries))
    columns = min(cells, max(1, round((cells * 1.4) ** 0.5)))
    rows = -(-cells // columns)
    height = max(10.0, side / 22)
    font = ImageFont.load_default(height)
    pad, caption = max(4, side // 32), round(height * 2.9)
    sheet = PILImage.new(
        "RGB", (columns * (side + pad) + pad, rows * (side + caption + pad) + pad), SHEET_RGB
    )
    draw = ImageDraw.Draw(sheet)
    for number, entry in enumerate(cueset.entries):
        example = read_example(cueset, entry)
        tile = thumbnail(draw_marks(example.image, example.marks, cueset.classes), side)
        x, y = pad + number % columns * (side + pad), pad + number // columns * (side + caption + pad)
        sheet.paste(tile, (x + (side - tile.width) // 2, y + (side - tile.height) // 2))
        for line, text in enumerate((entry.image.removeprefix("images/"), ", ".join(entry.kinds))):
            draw.text((x, y + side + 2 + line * height * 1.35), _fit(text, font, side), TEXT_RGB, font)
    if not cueset.entries:
        draw.text((pad, pad), "no cues yet", TEXT_RGB, font)
    return sheet


def _fit(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, its middle left out where it is wider than `width` pixels."""
    if font.getlength(text) <= width:
        return text
    for keep in range(len(text) // 2, 0, -1):
        short = f"{text[:keep]}...{text[-keep:]}"
        if font.getlength(short) <= width:
            return short
    return "..."


def _contradictions(groups: Iterable[list[CueEntry]]) -> list[Finding]:
    """Cues on the same picture of which one says 'absent' and another marks the thing."""
    out = []
    for entries in groups:
        absent = [e for e in entries if e.absent]
        marked = [e for e in entries if not e.absent]
        if absent and marked:
            reason = f"it says 'absent', and {marked[0].image}, the same picture, marks the thing"
            out.append(Finding("error", absent[0].image, reason, f"take one of the two out of {INDEX}"))
    return out


def _unmarked(cueset: CueSet, marked: set[int]) -> list[Finding]:
    if not marked:
        return [Finding("error", INDEX, "no cue shows the thing", "add one with 'cuecast cues add'")]
    return [
        Finding("warning", INDEX, f"no cue shows class {c.name!r}", "add one, or take the class out")
        for c in cueset.classes
        if c.id not in marked
    ]


def _unused(cueset: CueSet) -> list[Finding]:
    used = {INDEX, *(name for entry in cueset.entries for name in entry.files)}
    return [
        Finding("warning", name, f"{INDEX} does not name this file", "delete it, or add it as a cue")
        for name in sorted(cueset.bundle.members)
        if name not in used and name.startswith(("images/", "masks/", "objects/"))
    ]
