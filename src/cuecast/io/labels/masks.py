"""Masks: whatever holds labels -> (H, W) int32 label map on its image's grid; and back to a label PNG."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import PngImagePlugin

from cuecast.core.errors import MaskError, OutputError
from cuecast.core.notes import give_note
from cuecast.core.objects import Annotations
from cuecast.core.values import IGNORE, MAX_CLASS_ID, ClassInfo, Image
from cuecast.io.files import replacing
from cuecast.io.kinds import MASK_ENDINGS
from cuecast.io.labels import Pictured, is_label_file, label_suffixes, plain_name, read_label_file
from cuecast.io.labels.coco import image_name
from cuecast.io.labels.numbered import as_things, colours_hint, likeliest_first, look_at
from cuecast.io.labels.values import (
    MAX_COLOURS,
    OWN_CHUNK,
    by_colour,
    class_of_colour,
    grey_codes,
    no_mask,
    packed_colours,
)
from cuecast.io.pixels import Raster, read_raster

__all__ = ["find_mask", "read_mask", "write_mask"]

_MOST_VALUES = 64
"""Values from which on a grey mask may be a picture."""
_FEW_COLOURS = 32
"""Colours of an image up to which it may be a mask."""
_PLAIN = 0.9
"""Share of a mask of two values, from which on the others are its soft edges."""


class Labels(NamedTuple):
    """A mask as read: class ids (H, W) int32, and where it tells things apart, their ids (H, W) int32 from 1."""

    mask: NDArray[np.int32]
    objects: NDArray[np.int32] | None = None


def read_mask(source: Any, **options: Any) -> NDArray[np.int32]:
    """The class ids (H, W) int32 of `read_labels`, which has the same arguments and errors."""
    return read_labels(source, **options).mask


def read_labels(
    source: Any,
    *,
    image: Pictured,
    value: int | Sequence[int] | None = None,
    classes: Sequence[ClassInfo] | None = None,
    page: int | None = None,
    needed: bool = False,
) -> Labels:
    """Mask or label file, PIL image or array -> class ids, 0 = background, IGNORE = unknown; and the ids of objects.

    Raster masks (any image file, palette PNGs by index):
      - only 0 and 255 (or 0 and 65535 in 16 bits, or bool): the high value is the thing, class 1;
      - otherwise each value is a class; 255 in 8 bits and 65535 in 16 bits are IGNORE, as is -1 in arrays;
      - where `classes` is one class, every value is it, and numbers one object, unless they cannot well be (they come
        in many components, lie inside each other or leave no background);
      - three equal channels are grey; grey whose edges are soft, as brushes draw them, is cut in the middle like a
        JPEG;
      - other colours are classes: by the colour of `classes` where all colours are found there, else as `write_mask`
        gives colours where all are of these, else 1, 2, ... in order of the packed colour (r << 16 | g << 8 | b);
        black is 0 (see `mask_colours` for several masks);
      - transparent pixels are background, half transparent ones are not; where all that is not transparent is black,
        that is the thing; a palette of just black and white is read as grey, and one in which not
        its first colour but another one is black, as GIF programs make them, by its colours;
      - a TIFF's numbers count, whatever colours they are shown in, white for 0 included; so do those of a PGM, and of a
        grey PNG of 2 or 4 bits, whatever their white is;
      - a JPEG cannot hold labels, nor can lossy WebP, JPEG 2000 or AVIF: 128 and above is the thing.
    Label files: .json is COCO or LabelMe, .txt YOLO-seg; names are resolved by `classes` where given. Each
    annotation is one object, but for crowds.

    value    these values become 1, ignored pixels IGNORE, all others 0; of colours they are packed, and those below 256
             are the numbers of a palette.
    classes  names and colours of the classes; those of a label file that are not among them are background.
    page     of the image, from 0: a mask file with several pages has one for each of the image's.
    needed   whether a mask in which none of the values occurs is an error.

    Raises MaskError: unreadable, not a mask, or of another size than its image.
    """
    if value is not None and (not np.size(value) or np.asarray(value).dtype.kind not in "biuf"):
        raise MaskError(
            f"value={value!r} is no number, nor a list of them",
            remedy="give the mask's values that are the thing, such as value=1 or value=[1, 2]",
        )
    if is_label_file(source):
        found = read_label_file(Path(source), image, classes if value is None else None)
        if needed and value is not None:
            _check_values(found.label_map(), value, str(source))
        return _of_annotations(found, value)
    by_index = value is not None and int(np.max(value)) < 256
    raster = read_stored(source, page, f"mask of {image.name}", by_index)
    check_size(raster, image)
    if value is not None:
        return Labels(_selected(raster, value, needed))
    one = classes[0].id if classes and len(classes) == 1 else None
    labels = _values(raster, classes, numbers=one is not None)
    if isinstance(image, Image) and labels.max(initial=0) <= 1:
        _doubt_order(raster, image)
    if one is None or raster.text.get(OWN_CHUNK, "{}") != "{}":  # our masks say what their values mean
        return Labels(labels)
    return _of_one_class(labels, one, raster)


def _of_annotations(found: Annotations, value: int | Sequence[int] | None) -> Labels:
    """The class ids of annotations, each of which is one object; of `value`, where that is given."""
    labels, objects = found.label_map(), found.object_map()
    if value is not None:
        labels = _select(labels, value, ignored=labels == IGNORE)
        objects[labels == 0] = 0
    return Labels(labels, objects if found.objects else None)


def _of_one_class(labels: NDArray[np.int32], cls: int, raster: Raster) -> Labels:
    """The values of a mask where one class is known: each is that class and numbers one object, if it can."""
    present = sorted(set(np.unique(labels).tolist()) - {0, IGNORE})
    if not present or present == [cls]:
        return Labels(labels)
    values = look_at(labels)
    if values.no_things:
        if (packed := packed_colours(raster)) is not None:
            raise MaskError(
                f"holds more than the one class that is named: {colours_hint(packed)}", raster.label
            )
        return Labels(labels)  # who checks the classes says what is to be done
    if not (values.many_things or values.few_things):
        held = ", ".join(map(str, present[:4])) + (", ..." if present[4:] else "")
        give_note(
            f"{raster.label}: its values ({held}) are taken for objects of the one class that is named; where they are "
            "classes, name each, or say which are the thing (value=, --value)"
        )
    return Labels(*as_things(labels, cls))


def _values(raster: Raster, classes: Sequence[ClassInfo] | None, numbers: bool) -> NDArray[np.int32]:
    """The label map that a raster holds. `numbers`: its values may be so of objects. Raises MaskError."""
    if (packed := packed_colours(raster)) is not None:
        return class_of_colour(packed, classes, raster)
    codes, ignored, binary = grey_codes(raster, soft=True, numbers=numbers)
    labels = (codes > 0).astype(np.int32) if binary else codes.astype(np.int32)
    labels[ignored] = IGNORE
    if len(np.unique(labels)) > _MOST_VALUES and look_at(labels).scattered:
        raise no_mask(raster, f"{len(np.unique(labels))} values in scattered pixels")
    if binary and raster.inverted and (share := (labels > 0).mean()) > 0.5:
        give_note(
            f"{raster.label}: says that its 0 is white; the number that it stores for the thing is the high one, which "
            f"covers {share:.0%} of the picture; if the thing is what is 0, say so (value=0, --value 0)"
        )
    return labels


def _doubt_order(raster: Raster, image: Image) -> None:
    """Say where mask and image are likely the wrong way round: shades are cut in two for an image of few colours.

    Photographs that are nearly black and white (pages, scans, cells) can be masks with soft edges: 50 of 348 JPEGs of
    87 sets can. What is then taken for the image is a mask, of 27 colours at most; no image of these sets has fewer
    than 55. Soft edges are a small part of a mask, where photographs have shades: 48 of the 50 are told so.
    """
    shades = raster.samples if raster.samples.ndim == 2 else raster.samples[..., 0]
    often = np.sort(np.unique(shades, return_counts=True)[1])[::-1]
    if len(often) <= _FEW_COLOURS or often[:2].sum() > _PLAIN * shades.size:
        return
    packed = image.pixels.astype(np.int32) @ (65536, 256, 1)
    if 1 < (colours := len(np.unique(packed))) <= _FEW_COLOURS:
        give_note(
            f"{raster.label}: many shades, cut in the middle, and its image {image.name} has {colours} colours, as "
            "masks have: if the two are swapped, write IMAGE=MASK the other way round"
        )


def _selected(raster: Raster, value: int | Sequence[int], needed: bool) -> NDArray[np.int32]:
    """1 where the mask has one of those values. Raises MaskError where it has none and they are `needed`."""
    if (packed := packed_colours(raster)) is not None:
        codes, ignored = packed, packed < 0
    else:
        codes, ignored, _ = grey_codes(raster, soft=False)
        ignored = ignored & ~np.isin(codes, value)
    if needed:
        _check_values(codes, value, raster.label)
    return _select(codes, value, ignored)


def _check_values(codes: NDArray[Any], value: int | Sequence[int], label: str) -> None:
    """Raise MaskError where none of these values occurs."""
    if np.isin(codes, value).any():
        return
    asked = ", ".join(map(str, np.atleast_1d(value).tolist()))
    held = (
        ", ".join(f"{number} ({share:.0%})" for number, share in likeliest_first(codes)[:4])
        or "nothing but 0"
    )
    raise MaskError(
        f"none of its pixels has the value {asked}, of the picture it holds {held}",
        label,
        "choose of these (value=, --value), or say that the thing is not there (absent=True, --absent)",
    )


def mask_colours(source: Any, page: int | None = None) -> set[int] | None:
    """The packed colours but black of a colour-coded mask; None where it is not one, or none that can be read."""
    try:
        codes = packed_colours(read_stored(source, page, "mask"))
    except MaskError:  # who reads its labels will say why
        return None
    if codes is None:
        return None
    colours = set(np.unique(codes).tolist()) - {0}
    return colours if len(colours) <= MAX_COLOURS else None


def write_mask(path: str | Path, mask: NDArray[np.int32], classes: Sequence[ClassInfo] = ()) -> Path:
    """Write a label map (H, W) as PNG, whole or not at all; returns its path.

    Pixel values are class ids: 8-bit with the classes' colours as palette and 255 for IGNORE, or 16-bit grey
    with 65535 for IGNORE where an id is above 254. Raises OutputError; ValueError for what is no label map.
    """
    if (
        mask.ndim != 2
        or mask.dtype.kind not in "iu"
        or not mask.size
        or mask.min() < IGNORE
        or mask.max() > 65534
    ):
        raise ValueError(f"expected a label map (H, W) of -1 to 65534, got {mask.shape} {mask.dtype}")
    if mask.max() <= 254:
        image = PILImage.fromarray(np.where(mask == IGNORE, 255, mask).astype(np.uint8))
        image = _with_palette(image, classes)
    else:
        image = PILImage.fromarray(np.where(mask == IGNORE, 65535, mask).astype(np.uint16))
    return _write_png(path, image, {str(c.id): c.name for c in classes})


def write_objects(path: str | Path, objects: NDArray[np.int32]) -> Path:
    """Write ids of objects (H, W) int32, 0 = none, as a 16-bit PNG, whole or not at all; returns its path.

    Ids above 65534 are counted anew, in their order. Raises OutputError, also where there are more of them.
    """
    if objects.max() > MAX_CLASS_ID:
        _, order = np.unique(np.append(objects.ravel(), 0), return_inverse=True)
        objects = order[:-1].reshape(objects.shape).astype(np.int32)
        if (count := int(objects.max())) > MAX_CLASS_ID:
            raise OutputError(
                f"there are {count} objects, and a file of ids (16-bit PNG) holds {MAX_CLASS_ID}",
                path,
                "leave out specks, or cut the picture into parts",
            )
    return _write_png(path, PILImage.fromarray(objects.astype(np.uint16)), {})


def write_grey(path: str | Path, values: NDArray[np.float32]) -> Path:
    """Write values (H, W) in [0, 1] as an 8-bit grey PNG, whole or not at all; returns its path. Raises OutputError."""
    return _write_png(path, PILImage.fromarray(np.round(255 * values).astype(np.uint8)))


def _write_png(path: str | Path, image: PILImage.Image, names: dict[str, str] | None = None) -> Path:
    """Write a PNG, whole or not at all; of labels with the `names` of the ids. Raises OutputError."""
    if Path(path).suffix.lower() not in ("", ".png"):
        raise OutputError(
            "is written as PNG, which keeps every value", path, f"name it {Path(path).stem}.png"
        )
    text = PngImagePlugin.PngInfo()
    if names is not None:
        text.add_text(OWN_CHUNK, json.dumps(names))
    with replacing(path) as temporary:
        image.save(temporary, format="PNG", pnginfo=text)
    return Path(path)


def _with_palette(image: PILImage.Image, classes: Sequence[ClassInfo]) -> PILImage.Image:
    """The grey image with black for 0, the classes' colours, and a pale yellow for 'ignore'."""
    named = {c.id: c.rgb for c in classes}
    colours = [(0, 0, 0), *(named.get(i) or ClassInfo(i, "").rgb for i in range(1, 255)), (224, 224, 192)]
    image = image.copy()
    image.putpalette([v for colour in colours for v in colour])
    return image


def _select(codes: NDArray[Any], value: int | Sequence[int], ignored: NDArray[np.bool_]) -> NDArray[np.int32]:
    labels = np.isin(codes, value).astype(np.int32)
    labels[ignored] = IGNORE
    return labels


def check_size(raster: Raster, image: Pictured, noun: str = "mask") -> None:
    """Raise MaskError where a raster, called `noun`, is not as large as its image."""
    if raster.size == image.size:
        return
    (h, w), (H, W) = raster.size, image.size
    turned = (
        f" (one looks turned by 90 degrees: draw the {noun} on the upright image)" if (h, w) == (W, H) else ""
    )
    raise MaskError(
        f"the {noun} is {w} wide and {h} high, its image {image.name} is {W} wide and {H} high{turned}: "
        "they must match",
        raster.label,
        f"resize the {noun} with nearest neighbour or pass the image it was drawn on",
    )


def read_stored(source: Any, page: int | None, label: str, by_index: bool = False) -> Raster:
    """The mask as it is stored; `by_index`: a palette says nothing. Raises MaskError."""
    raster = read_raster(source, error=MaskError, page=page, label=label, lone=True, stored=True)
    if raster.coarse and not set(np.unique(raster.samples).tolist()) <= {0, 255}:
        raise MaskError(
            "16-bit samples beside others are decoded to 8 bits, which cuts labels",
            raster.label,
            "save it with one grey channel, or as TIFF",
        )
    return raster if by_index else by_colour(raster)


_RASTER = (".png", ".tif", ".tiff", ".bmp", ".gif", ".webp")
MASK_FOLDERS = ("masks", "labels", "annotations")
"""Where masks and label files lie, in or beside the folder of their images."""
_COCO_NAMES = ("*.coco.json", "annotations.json", "instances*.json", "coco.json")


def find_mask(image_path: str | Path) -> Path | None:
    """The mask or label file of an image, or None. Looks at names, and at the image lists of COCO files.

    In this order:
      1. beside the image, `<stem>_mask` or `<stem>_cp_masks` with a raster suffix, then `<stem>.json` or `.txt`;
      2. in masks/, labels/ or annotations/ inside its folder or beside its folder, and where a folder named
         images/ above it is exchanged for one of these: `<stem>` or these two, raster before label file;
      3. beside the image, `<stem>` with another raster suffix;
      4. a COCO file (annotations.json, instances*.json, *.coco.json) in any of these folders that lists it.
    """
    path = Path(image_path)
    folders = list(_parallel_folders(path))
    for candidate in _candidates(path, folders):
        for named in (candidate, candidate.with_suffix(candidate.suffix.upper())):
            if named != path and named.is_file():
                return named
    for folder in (path.parent, *folders):
        for pattern in _COCO_NAMES:
            for coco in sorted(folder.glob(pattern)):
                if plain_name(path.name) in listed_images(coco):
                    return coco
    return None


def listed_images(path: Path) -> frozenset[str]:
    """File names (plain, without folders) that a COCO file lists; none where it is no COCO file. Raises OSError."""
    return _listed_images(path, path.stat().st_mtime_ns)


def _candidates(path: Path, folders: list[Path]) -> Iterator[Path]:
    stem, beside = path.stem, path.parent
    yield from (beside / f"{stem}{end}{suffix}" for end in MASK_ENDINGS for suffix in _RASTER)
    yield from (beside / f"{stem}{suffix}" for suffix in label_suffixes())
    for folder in folders:
        yield from (folder / f"{stem}{suffix}" for suffix in _RASTER)
        yield from (folder / f"{stem}{end}{suffix}" for end in MASK_ENDINGS for suffix in _RASTER)
        yield from (folder / f"{stem}{suffix}" for suffix in label_suffixes())
    yield from (beside / f"{stem}{suffix}" for suffix in _RASTER)


def _parallel_folders(path: Path) -> Iterator[Path]:
    """Where masks of the images in this folder may lie, each once, whether they exist or not."""
    folder = path.parent
    swapped = [
        Path(*folder.parts[:i], name, *folder.parts[i + 1 :])
        for i in reversed(range(len(folder.parts)))
        if folder.parts[i] == "images"
        for name in MASK_FOLDERS
    ]
    up = folder.parent if folder.name else Path("..")  # Path(".").parent would be "." again
    inside, beside = [folder / n for n in MASK_FOLDERS], [up / n for n in MASK_FOLDERS]
    yield from dict.fromkeys([*swapped, *inside, *beside])


@lru_cache(maxsize=16)
def _listed_images(path: Path, mtime_ns: int) -> frozenset[str]:  # noqa: ARG001
    try:
        images = json.loads(path.read_bytes())["images"]
        return frozenset(plain_name(image_name(i)).rpartition("/")[2] for i in images)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return frozenset()
