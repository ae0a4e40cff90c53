"""Masks: whatever holds labels -> (H, W) int32 label map on its image's grid; and back to a label PNG."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import PngImagePlugin

from cuecast.errors import MaskError, OutputError
from cuecast.io.files import replacing
from cuecast.io.kinds import IMAGE_SUFFIXES
from cuecast.io.numbered import as_things, look_at
from cuecast.io.pairs import find_mask
from cuecast.io.raster import Raster, read_raster
from cuecast.notes import give_note
from cuecast.types import IGNORE, MAX_CLASS_ID, PALETTE, ClassInfo, Image

__all__ = ["find_mask", "read_mask", "write_mask"]

LABEL_SUFFIXES = (".json", ".txt")
"""Suffixes of label files: COCO or LabelMe, and YOLO-seg."""

_OWN_CHUNK = "cuecast-labels"
"""PNG text chunk of the masks we write: their values are labels, nothing is to be guessed."""

_MAX_COLOURS = 254
_SOFT_VALUES, _SOFT_SHARE = 4, 0.75
"""Values between 0 and 255 from which on edges may be soft, and the share of them that then lies between others."""
_SOFT_COLOURS, _SOFT_PIXELS = 12, 8
"""Colours from which on edges may be soft, and the pixels that most of them then have at most."""
_MOST_VALUES = 64
"""Values from which on a grey mask may be a picture."""
_GREY_SPREAD = 32
"""By what the channels of a grey picture differ at most, in all but 1 of 100 pixels, after compression with loss."""
_RINGS = 3
"""Values near black and as many near white that compression with loss leaves, and no numbering of classes has."""
_IGNORE_COLOUR = 0xE0E0C0
_OWN_COLOURS = {int(colour[1:], 16): i for i, colour in enumerate(PALETTE, start=1)} | {
    _IGNORE_COLOUR: IGNORE
}
"""The colours of our masks, packed: what they mean after a program has dropped the palette."""
_EVERYBODYS = {0x800000, 0x808000, 0xA9A9A9}
"""Those of them that others use as well: alone they do not say that a mask is ours."""


def is_label_file(source: Any) -> bool:
    """Whether this is the path of a COCO, LabelMe or YOLO-seg file, by its suffix."""
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() in LABEL_SUFFIXES


class Labels(NamedTuple):
    """A mask as read: class ids (H, W) int32, and where its values number things, their ids (H, W) int32 from 1."""

    mask: NDArray[np.int32]
    objects: NDArray[np.int32] | None = None


def read_mask(source: Any, **options: Any) -> NDArray[np.int32]:
    """The class ids (H, W) int32 of `read_labels`, which has the same arguments and errors."""
    return read_labels(source, **options).mask


def read_labels(
    source: Any,
    *,
    image: Image,
    value: int | Sequence[int] | None = None,
    classes: Sequence[ClassInfo] | None = None,
    page: int | None = None,
) -> Labels:
    """Mask or label file, PIL image or array -> class ids, 0 = background, IGNORE = unknown; and the ids of objects.

    Raster masks (any image file, palette PNGs by index):
      - only 0 and 255 (or 0 and 65535 in 16 bits, or bool): the high value is the thing, class 1;
      - otherwise each value is a class; 255 in 8 bits and 65535 in 16 bits are IGNORE, as is -1 in arrays;
      - where `classes` is one class, every value is it, and numbers one object, unless they cannot well be (they come
        in many pieces, lie inside each other or leave no background);
      - three equal channels are grey; grey whose edges are soft, as brushes draw them, is cut in the middle like a
        JPEG;
      - other colours are classes: by the colour of `classes` where all colours are found there, else as `write_mask`
        gives colours where all are of these, else 1, 2, ... in order of the packed colour (r << 16 | g << 8 | b);
        black is 0 (see `mask_colours` for several masks);
      - transparent pixels are background, half transparent ones are not; where all that is not transparent is black,
        that is the thing; a palette of just black and white is read as grey, and one in which not
        its first colour but another one is black, as GIF programs make them, by its colours;
      - a TIFF's numbers count, whatever colours they are shown in, white for 0 included;
      - a JPEG cannot hold labels, nor can lossy WebP, JPEG 2000 or AVIF: 128 and above is the thing.
    Label files: .json is COCO or LabelMe, .txt YOLO-seg; names are resolved by `classes` where given.

    value    these values become 1, ignored pixels IGNORE, all others 0; of colours they are packed, and those below 256
             are the numbers of a palette.
    classes  names and colours of the classes; those of a label file that are not among them are background.
    page     of the image, from 0: a mask file with several pages has one for each of the image's.

    Raises MaskError: unreadable, not a mask, or of another size than its image.
    """
    if is_label_file(source):
        from cuecast.io.labels import read_label_file

        labels = read_label_file(Path(source), image, classes if value is None else None)
        return Labels(labels if value is None else _select(labels, value, ignored=labels == IGNORE))
    by_index = value is not None and int(np.max(value)) < 256
    raster = _read(source, page, f"mask of {image.name}", by_index)
    _check_size(raster, image)
    if value is not None:
        return Labels(_selected(raster, value))
    one = classes[0].id if classes and len(classes) == 1 else None
    labels = _values(raster, classes, numbers=one is not None)
    if one is None or raster.text.get(_OWN_CHUNK, "{}") != "{}":  # our masks say what their values mean
        return Labels(labels)
    return _of_one_class(labels, one, raster.label)


def read_objects(source: Any, *, image: Image, page: int | None = None) -> NDArray[np.int32]:
    """File, PIL image or array of ids -> (H, W) int32 ids of objects from 1, 0 = none.

    Ids above 65534 are counted anew, in their order. Raises MaskError as `read_labels`.
    """
    if is_label_file(source):
        raise MaskError(
            f"{source}: ids of objects are an image or array with one number an object; give that"
        )
    raster = _read(source, page, f"objects of {image.name}")
    _check_size(raster, image)
    return np.maximum(_values(raster, None, numbers=True), 0)


def _of_one_class(labels: NDArray[np.int32], cls: int, label: str) -> Labels:
    """The values of a mask where one class is known: each is that class and numbers one object, if it can."""
    present = sorted(set(np.unique(labels).tolist()) - {0, IGNORE})
    if not present or present == [cls]:
        return Labels(labels)
    values = look_at(labels)
    if values.no_things:
        return Labels(labels)  # who checks the classes says what is to be done
    if not (values.many_things or values.few_things):
        held = ", ".join(map(str, present[:4])) + (", ..." if present[4:] else "")
        give_note(
            f"{label}: its values ({held}) are taken for objects of the one class that is named; where they are "
            "classes, name each, or say which are the thing (value=, --value)"
        )
    return Labels(*as_things(labels, cls))


def _values(raster: Raster, classes: Sequence[ClassInfo] | None, numbers: bool) -> NDArray[np.int32]:
    """The label map that a raster holds. `numbers`: its values may be so of objects. Raises MaskError."""
    if (packed := _colour_codes(raster)) is not None:
        return _class_of_colour(packed, classes, raster)
    codes, ignored, binary = _grey_codes(raster, soft=True, numbers=numbers)
    labels = (codes > 0).astype(np.int32) if binary else codes.astype(np.int32)
    labels[ignored] = IGNORE
    if len(np.unique(labels)) > _MOST_VALUES and look_at(labels).scattered:
        raise _no_mask(raster, f"{len(np.unique(labels))} values in scattered pixels")
    if binary and raster.inverted and (share := (labels > 0).mean()) > 0.5:
        give_note(
            f"{raster.label}: says that its 0 is white; the number that it stores for the thing is the high one, which "
            f"covers {share:.0%} of the picture; if the thing is what is 0, say so (value=0, --value 0)"
        )
    return labels


def _selected(raster: Raster, value: int | Sequence[int]) -> NDArray[np.int32]:
    """1 where the mask has one of those values."""
    if (packed := _colour_codes(raster)) is not None:
        return _select(packed, value, packed < 0)
    codes, ignored, _ = _grey_codes(raster, soft=False)
    return _select(codes, value, ignored & ~np.isin(codes, value))


def mask_colours(source: Any, page: int | None = None) -> set[int] | None:
    """The packed colours but black of a colour-coded mask; None where it is not one, or none that can be read."""
    try:
        codes = _colour_codes(_read(source, page, "mask"))
    except MaskError:  # who reads its labels will say why
        return None
    if codes is None:
        return None
    colours = set(np.unique(codes).tolist()) - {0}
    return colours if len(colours) <= _MAX_COLOURS else None


def ids_of_colours(colours: Iterable[int], known: Mapping[int, int] | None = None) -> dict[int, int]:
    """Packed colour but black -> label.

    By `known`, the colours of stated classes, where all are among these; else as `write_mask` gives colours where all
    are of these and of those classes; else counted in order.
    """
    ordered, known = sorted(colours), known or {}
    ours = {c: i for c, i in _OWN_COLOURS.items() if not known or i == IGNORE or i in known.values()}
    for ids in (known, {_IGNORE_COLOUR: IGNORE} | dict(known), ours):
        if set(ordered) <= ids.keys() and not (
            ids is ours and set(ordered) <= _EVERYBODYS | {_IGNORE_COLOUR}
        ):
            return {c: ids[c] for c in ordered}
    unknown = (
        {_IGNORE_COLOUR} if len(ordered) > 1 else set()
    )  # the border of things in PASCAL VOC, as in ours
    counted = (c for c in ordered if c not in unknown)
    return {c: i for i, c in enumerate(counted, start=1)} | dict.fromkeys(unknown & set(ordered), IGNORE)


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
    _check_name(path)
    text = PngImagePlugin.PngInfo()
    text.add_text(_OWN_CHUNK, json.dumps({str(c.id): c.name for c in classes}))
    with replacing(path) as temporary:
        image.save(temporary, format="PNG", pnginfo=text)
    return Path(path)


def write_objects(path: str | Path, objects: NDArray[np.int32]) -> Path:
    """Write ids of objects (H, W) int32, 0 = none, as a 16-bit PNG, whole or not at all; returns its path.

    Ids above 65534 are counted anew, in their order. Raises OutputError.
    """
    _check_name(path)
    if objects.max() > MAX_CLASS_ID:
        _, order = np.unique(np.append(objects.ravel(), 0), return_inverse=True)
        objects = order[:-1].reshape(objects.shape).astype(np.int32)
    text = PngImagePlugin.PngInfo()
    text.add_text(_OWN_CHUNK, "{}")
    with replacing(path) as temporary:
        PILImage.fromarray(objects.astype(np.uint16)).save(temporary, format="PNG", pnginfo=text)
    return Path(path)


def write_grey(path: str | Path, values: NDArray[np.float32]) -> Path:
    """Write values (H, W) in [0, 1] as an 8-bit grey PNG, whole or not at all; returns its path. Raises OutputError."""
    _check_name(path)
    image = PILImage.fromarray(np.round(255 * values).astype(np.uint8))
    with replacing(path) as temporary:
        image.save(temporary, format="PNG")
    return Path(path)


def _check_name(path: str | Path) -> None:
    """Raise OutputError where a name promises another format than PNG."""
    suffix = Path(path).suffix.lower()
    if suffix in IMAGE_SUFFIXES and suffix != ".png":
        raise OutputError(
            f"{path}: is written as PNG, which keeps every value; name it {Path(path).stem}.png"
        )


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


def _check_size(raster: Raster, image: Image) -> None:
    if raster.size == image.size:
        return
    (h, w), (H, W) = raster.size, image.size
    turned = (
        " (one looks turned by 90 degrees: draw the mask on the upright image)" if (h, w) == (W, H) else ""
    )
    raise MaskError(
        f"{raster.label}: the mask is {w} wide and {h} high, its image {image.name} is {W} wide and {H} high"
        f"{turned}: they must match; resize the mask with nearest neighbour or pass the image it was drawn on"
    )


def _read(source: Any, page: int | None, label: str, by_index: bool = False) -> Raster:
    """The mask as it is stored; `by_index`: a palette says nothing. Raises MaskError."""
    raster = read_raster(source, error=MaskError, page=page, label=label, lone=True, stored=True)
    if raster.coarse and not set(np.unique(raster.samples).tolist()) <= {0, 255}:
        raise MaskError(
            f"{raster.label}: 16-bit samples beside others are decoded to 8 bits, which cuts labels; save it with one "
            "grey channel, or as TIFF"
        )
    return raster if by_index else _by_colour(raster)


def _by_colour(raster: Raster) -> Raster:
    """The colours in place of the indices where a palette's background is not its first entry.

    That is so where it makes another index transparent, or where black occurs and is another index.
    """
    if raster.palette is None or _OWN_CHUNK in raster.text:
        return raster
    used = np.unique(raster.samples)
    colours, alpha = raster.palette[:, :3], raster.palette[:, 3]
    backgrounds = (alpha == 0, colours.max(axis=1) == 0)
    if not any(back[used].any() and not back[0] for back in backgrounds):
        return raster
    rgba = raster.palette[raster.samples]
    return replace(raster, samples=rgba[..., :3], alpha=rgba[..., 3], palette=None)


def _grey_codes(
    raster: Raster, soft: bool, numbers: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.bool_], bool]:
    """(values (H, W), where they are to be ignored, whether every value above 0 is the one thing).

    `soft`: whether edges may be. `numbers`: whether the values may be numbers of objects, of which there are many.
    """
    own = _OWN_CHUNK in raster.text
    samples = raster.samples if raster.samples.ndim == 2 else raster.samples[..., 0]
    if raster.palette is not None and not own:
        samples = _greys(raster.palette, samples, raster.format)
    codes = _integers(samples, raster.label)
    nowhere = np.zeros(codes.shape, bool)
    if (opaque := _opaque(raster)) is not None:
        if not opaque.all() and not codes[opaque].any():
            return opaque * np.int64(255), nowhere, True
        codes[~opaque] = 0
    bytes_ = codes >> 8 if samples.dtype == np.uint16 else codes
    plain = soft and not own and samples.dtype in (np.uint8, np.uint16)
    if raster.lossy or (plain and (_is_soft(bytes_) or _rings(bytes_, likely=raster.lossy is None))):
        _check_bright(codes, raster)
        return (bytes_ >= 128) * np.int64(255), nowhere, True
    if codes.min() < IGNORE:
        raise MaskError(
            f"{raster.label}: holds the negative label {codes.min()}; labels are 0 or more, -1 is 'ignore'"
        )
    if numbers and codes.max() > MAX_CLASS_ID + 1:
        found, order = np.unique(np.maximum(codes, 0), return_inverse=True)
        codes = np.where(codes == IGNORE, IGNORE, order.reshape(codes.shape) + (found[0] > 0))
    if codes.max() > 65535:
        raise MaskError(
            f"{raster.label}: holds the label {codes.max()}; the highest possible is 65534, renumber them"
        )
    high = set(np.unique(codes).tolist()) - {0, IGNORE}
    binary = samples.dtype == bool or (high in ({255}, {65535}) and not own)
    limit = {"uint8": 255, "uint16": 65535}.get(samples.dtype.name, IGNORE)
    if numbers and limit - 1 in high:  # things are counted up to it
        limit = IGNORE
    ignored = codes == IGNORE if binary else (codes == IGNORE) | (codes == limit)
    return codes, ignored, binary


def _opaque(raster: Raster) -> NDArray[np.bool_] | None:
    """Where a mask counts (H, W): alpha of at least half of its highest value; None where it has no alpha."""
    if raster.alpha is None:
        return None
    highest = raster.alpha.max()
    return np.asarray((raster.alpha >= highest / 2) & (highest > 0))


def _check_bright(codes: NDArray[np.int64], raster: Raster) -> None:
    """Raise MaskError where nothing in a picture would be the thing, for it was to hold classes."""
    if 0 < codes.max() < 128:
        raise MaskError(
            f"{raster.label}: a {raster.format} whose compression is lossy cannot hold classes by number, and nothing "
            f"in it is white (its highest value is {codes.max()}); save it as PNG"
        )


def _rings(codes: NDArray[np.int64], likely: bool) -> bool:
    """Whether black and white are both blurred, as compression with loss leaves them.

    `likely`: the file may have been compressed so; else it was before it was saved like this, and has to look so.
    """
    between = np.unique(codes[(codes > 0) & (codes < 255)])
    ends = min((between <= 32).sum(), (between >= 223).sum())
    if len(between) < _SOFT_VALUES or ends < (1 if likely else _RINGS):
        return False
    return bool(
        (codes >= 223).sum() >= 0.6 * (codes > 32).sum()
    )  # things that are numbered have every value alike


def _is_soft(codes: NDArray[np.int64]) -> bool:
    """Whether values between 0 and 255 are but the soft edges of one thing: nearly all lie between their neighbours."""
    between = (codes > 0) & (codes < 255)
    if not (codes == 255).any() or len(np.unique(codes[between])) < _SOFT_VALUES:
        return False
    from scipy.ndimage import maximum_filter, minimum_filter

    lowest, highest = minimum_filter(codes, 3), maximum_filter(codes, 3)
    return float(((lowest < codes) & (codes < highest))[between].mean()) >= _SOFT_SHARE


def _greys(palette: NDArray[np.uint8], indices: NDArray[Any], name: str) -> NDArray[Any]:
    """The greys of a palette in place of its numbers, where some program has saved a grey mask with one.

    That is so where just black and white occur or soft edges between them; and in a GIF, which has no other grey, where
    none of them would be 'ignore'.
    """
    used = palette[np.unique(indices)][:, :3]
    if not (used == used[:, :1]).all():
        return indices
    greys = palette[indices.astype(np.intp)][..., 0]
    two = bool(np.isin(used, (0, 255)).all())
    return (
        greys if two or (name == "GIF" and used.max() < 255) or _is_soft(greys.astype(np.int64)) else indices
    )


def _integers(samples: NDArray[Any], label: str) -> NDArray[np.int64]:
    if samples.dtype.kind == "f":
        if not np.isfinite(samples).all():
            raise MaskError(
                f"{label}: holds NaN or infinite values; a mask holds whole numbers, 0 for background"
            )
        if len(fractions := samples[samples != np.rint(samples)]):
            raise MaskError(
                f"{label}: holds fractions such as {fractions[0]:g}; threshold it first (scores > 0.5)"
            )
    return samples.astype(np.int64)


def _colour_codes(raster: Raster) -> NDArray[np.int64] | None:
    """Packed colours (H, W), transparent ones 0; None where the mask is grey."""
    s, opaque = raster.samples, _opaque(raster)
    if s.ndim == 3 and opaque is not None:
        s = np.where(opaque[..., None], s, 0)  # what is hidden has no colour
    if s.ndim == 2 or bool((s[..., :1] == s).all()):
        return None
    if raster.lossy:
        # The channels of a grey picture differ by rounding after chroma subsampling; colours are hopeless.
        if np.percentile(np.ptp(s.astype(np.int16), axis=2), 99) <= _GREY_SPREAD:
            return None
        raise MaskError(f"{raster.label}: a {raster.format} blurs the colours of a mask; save it as PNG")
    if s.dtype != np.uint8:
        raise MaskError(
            f"{raster.label}: a colour mask must be 8-bit, this is {s.dtype}; save it as a label map"
        )
    r, g, b = (s[..., c].astype(np.int64) for c in range(3))
    return r << 16 | g << 8 | b


def _no_mask(raster: Raster, holds: str) -> MaskError:
    """What to say of a picture that was given for a mask; and of a cut-out, a picture with its mask in alpha."""
    opaque = _opaque(raster)
    if opaque is None or opaque.all():
        return MaskError(
            f"{raster.label}: holds {holds}: a picture, not a mask; give one flat colour a class"
        )
    return MaskError(
        f"{raster.label}: holds {holds} before a transparent background: a cut-out picture, not a mask; save its alpha "
        "channel as the mask (rembg: -om), or one flat colour a class"
    )


def _class_of_colour(
    codes: NDArray[np.int64], classes: Sequence[ClassInfo] | None, raster: Raster
) -> NDArray[np.int32]:
    """Class ids (H, W) of packed colours, by the rule in `read_mask`."""
    colours, where, counts = np.unique(codes, return_inverse=True, return_counts=True)
    present = [c for c in colours.tolist() if c]
    if len(present) > _MAX_COLOURS:
        raise _no_mask(raster, f"{len(present)} colours")
    known = {r << 16 | g << 8 | b: c.id for c in classes or () for r, g, b in [c.rgb]}
    flat = set(present) <= known.keys()
    if not flat and len(present) >= _SOFT_COLOURS and np.median(counts) <= _SOFT_PIXELS:
        raise MaskError(
            f"{raster.label}: its edges are soft, with {len(present)} colours, most of them on {_SOFT_PIXELS} pixels "
            "or less; draw it without anti-aliasing, or one thing in white on black"
        )
    ids = ids_of_colours(present, known)
    table = np.array([ids[c] if c else 0 for c in colours.tolist()], np.int32)
    return table[where].reshape(codes.shape)
