"""Which cues hurt, and in which way: thresholds, and the words for a person.

Most tests compare what is drawn with what the others predict there, and with how the other cues fare, so that what
the pack does everywhere (lines a little too wide, say) is no cue's fault. One compares it with the picture's edges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, median_low

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.ndimage import distance_transform_edt

from cuecast.core.metrics import iou
from cuecast.core.values import Example
from cuecast.cue_quality.agreement import Agreement, Outline
from cuecast.cue_quality.result import CueFlag, FlagKind
from cuecast.cue_quality.trials import drawn
from cuecast.engine.lessons import thickness
from cuecast.prediction import Prediction

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

FINEST = 1024
"""Masks with a longer side are correlated at every second, third, ... pixel, and the move is so exact."""
FARTHEST = 0.5
"""A mask is tried at moves of up to this share of each side."""
SEEN = 0.5
"""Share of mask and of answer that a move must leave inside the frame, so that no sliver decides."""


@dataclass(frozen=True)
class Shift:
    """The move of a mask, `dx` pixels to the right and `dy` down, that fits an answer best.

    still  IoU of answer and mask as drawn, moved  IoU after the move, where both are inside the frame.
    """

    dx: int
    dy: int
    still: float
    moved: float

    @property
    def pixels(self) -> float:
        """Length of the move."""
        return float(np.hypot(self.dx, self.dy))


def best_shift(answer: Bools, drawn: Bools, ignore: Bools) -> Shift:
    """The move of `drawn` that gives the largest IoU with `answer`, all (H, W); of equal ones the shortest.

    The overlaps at all moves come from one cross-correlation by FFT, the areas left inside the frame from two more.
    """
    still = iou(answer, drawn, ignore)
    step = -(-max(answer.shape) // FINEST)
    A, M = (answer & ~ignore)[::step, ::step], (drawn & ~ignore)[::step, ::step]
    if not A.any() or not M.any():
        return Shift(0, 0, still, still)
    inside = np.ones(A.shape)
    both, mask_area, answer_area = _correlate(A, M), _correlate(inside, M), _correlate(A, inside)
    ious = both / np.maximum(mask_area + answer_area - both, 1)
    H, W = A.shape
    dy, dx = np.mgrid[1 - H : H, 1 - W : W]
    allowed = (abs(dy) <= FARTHEST * H) & (abs(dx) <= FARTHEST * W)
    allowed &= (mask_area >= SEEN * M.sum()) & (answer_area >= SEEN * A.sum())
    ious = np.where(allowed, ious, -1)
    best = np.flatnonzero(ious >= ious.max() - 1e-12)
    at = best[np.argmin((dx**2 + dy**2).ravel()[best], axis=0)]
    return Shift(step * int(dx.ravel()[at]), step * int(dy.ravel()[at]), still, float(ious.ravel()[at]))


def width_ious(answer: Bools, drawn: Bools, ignore: Bools, radii: Sequence[int]) -> dict[int, float]:
    """IoU of the answer with the mask grown by each radius in pixels, a negative one shrinks; 0 is the mask itself.

    All are (H, W). The edge of the frame is no border of the mask.
    Where the mask marks nothing or everything, there is only 0.
    """
    found = {0: iou(answer, drawn, ignore)}
    if not drawn.any() or drawn.all():
        return found
    inside, outside = distance_transform_edt(drawn), distance_transform_edt(~drawn)
    for radius in radii:
        resized = outside <= radius if radius > 0 else inside > -radius
        if radius and resized.any():
            found[radius] = iou(answer, resized, ignore)
    return found


def inverted_iou(answer: Bools, drawn: Bools, ignore: Bools) -> float:
    """IoU of the answer with what the mask does not mark, all (H, W); 0 where the answer is empty."""
    return iou(answer, ~drawn, ignore) if (answer & ~ignore).any() else 0.0


def _correlate(a: NDArray[np.generic], b: NDArray[np.generic]) -> Floats:
    """(2H - 1, 2W - 1): the sum of `a` under `b` moved by (dy, dx), at [dy + H - 1, dx + W - 1]; whole numbers."""
    size = tuple(n + m - 1 for n, m in zip(a.shape, b.shape, strict=True))
    fast = [next_fast_len(n, real=True) for n in size]
    full: Floats = irfft2(rfft2(a, fast) * rfft2(b[::-1, ::-1], fast), fast)
    return np.rint(full[: size[0], : size[1]])


CLEAR = 0.25
"""IoU that a move, another class or an inversion must bring to be believed."""
MATCH = 0.4
"""IoU that it must reach at least."""
LITTLE = 0.25
"""IoU above which a mask is not taken for inverted: where thing and ground are mistaken, some of it is right."""
SHORTEST = 3
"""Pixels: shorter moves are a matter of the border."""
RADII = (-8, -6, -4, -3, -2, -1, 1, 2, 3, 4, 6, 8)
"""How far a mask is grown or shrunk: in pixels of an image of 512 x 512, and accordingly in larger ones."""
BORDER = 0.3
"""IoU that another width must bring, beside the width that suits the other cues. Of 37 good cue sets of the training
sets, 11 % have a cue with 0.15, 3 % one with 0.3."""
FACTOR = 4.0
"""A thing this many times thicker or thinner than on the median of the other cues is at another magnification."""
LOWER = 0.02
"""Difference of shares of right ranks below which ranks are not named as the reason."""
FOLLOWS = 0.8
"""`Outline.share` from which a mask is taken to follow the edges of its picture, a few good ones excepted."""


@dataclass(frozen=True)
class ClassFit:
    """How one class, as drawn on a cue, fits what the other cues predict there.

    thickness  in pixels (scale 'pixel') or in shares of the root of the image's area (scale 'frame').
    widths     radius -> IoU of the answer with the mask grown by it; `unit` is a radius of 1 in pixels.
    mistaken   the IoU of what is drawn with the answer for each other class, by class id.
    """

    iou: float
    thickness: float
    shift: Shift
    widths: Mapping[int, float]
    inverted: float
    mistaken: Mapping[int, float] = field(default_factory=dict)
    unit: int = 1

    @property
    def width(self) -> int:
        """The radius that suits the answer best; of equal ones the smallest change."""
        return max(self.widths, key=lambda r: (self.widths[r], -abs(r)))


def fit(prediction: Prediction | None, example: Example, scale: str) -> dict[int, ClassFit]:
    """Class id -> fit, for the classes that are drawn on the cue and were taught by the others."""
    if prediction is None:
        return {}
    known = [c.id for c in prediction.classes]
    root = float(example.image.size[0] * example.image.size[1]) ** 0.5
    unit = max(1, round(root / 512))
    out = {}
    for cls in (c for c in known if c in example.marks.class_ids):
        truth, ignore = drawn(example, cls)
        if not truth.any():
            continue
        answer = prediction.mask == cls
        widths = width_ious(answer, truth, ignore, [r * unit for r in RADII])
        out[cls] = ClassFit(
            iou=iou(answer, truth, ignore),
            thickness=thickness(truth) / (root if scale == "frame" else 1),
            shift=best_shift(answer, truth, ignore),
            widths={radius // unit: value for radius, value in widths.items()},
            inverted=inverted_iou(answer, truth, ignore),
            mistaken={k: iou(prediction.mask == k, truth, ignore) for k in known if k != cls},
            unit=unit,
        )
    return out


def drawn_wrongly(
    number: int,
    image: str,
    fits: Mapping[int, ClassFit],
    baselines: Sequence[Mapping[int, ClassFit]],
    names: Mapping[int, str],
) -> list[CueFlag]:
    """Flags that the drawing itself gives: shifted, inverted, mistaken or with a sloppy border; one a class at most."""
    flags = []
    for cls, found in fits.items():
        others = [p[cls] for p in baselines if cls in p]
        of = f" of {names[cls]!r}" if len(names) > 1 else ""
        grave = [f for f in (_shifted(found, of), _inverted(found, of), _mistaken(found, cls, names)) if f]
        # Of several explanations, that which explains most.
        flag = max(grave, key=lambda f: f[3]["reached"]) if grave else _sloppy(found, others, of)
        if flag:
            flags.append(CueFlag(number, image, *flag))
    return flags


_Flag = tuple[FlagKind, str, str, dict[str, float]]


def _shifted(found: ClassFit, of: str) -> _Flag | None:
    shift = found.shift
    resized = found.widths[found.width]  # a mask too wide on the open side of the frame's edge fits both ways
    if shift.pixels < SHORTEST or shift.moved < max(MATCH, shift.still + CLEAR) or shift.moved <= resized:
        return None
    reason = (
        f"its mask{of} looks shifted: moved {_way(shift.dx, shift.dy)} it fits what the other cues predict, "
        f"IoU {shift.moved:.2f} instead of {shift.still:.2f}"
    )
    facts = {"dx": shift.dx, "dy": shift.dy, "as_drawn": shift.still, "reached": shift.moved}
    return "shifted", reason, "move the mask, or check that it was drawn on this image", facts


def _inverted(found: ClassFit, of: str) -> _Flag | None:
    if found.iou > LITTLE or found.inverted < max(MATCH, found.iou + CLEAR):
        return None
    reason = (
        f"its mask{of} looks inverted: the other cues predict what it leaves out, IoU {found.inverted:.2f} "
        f"instead of {found.iou:.2f}"
    )
    facts = {"as_drawn": found.iou, "reached": found.inverted}
    return "inverted", reason, "swap the thing and the background in the mask", facts


def _mistaken(found: ClassFit, cls: int, names: Mapping[int, str]) -> _Flag | None:
    other = max(found.mistaken, key=lambda k: found.mistaken[k], default=None)
    if other is None or found.mistaken[other] < max(MATCH, found.iou + CLEAR):
        return None
    share = found.mistaken[other]
    reason = f"what it marks as {names[cls]!r} is {names[other]!r} to the other cues, IoU {share:.2f}"
    facts = {"class": other, "as_drawn": found.iou, "reached": share}
    return "class", reason, "correct the class of these marks", facts


def _sloppy(found: ClassFit, others: Sequence[ClassFit], of: str) -> _Flag | None:
    usual = median_low(o.width for o in others) if others else 0
    as_usual = found.widths.get(usual, found.iou)
    best, pixels = found.widths[found.width], found.unit * (usual - found.width)
    if not pixels or best < max(MATCH, as_usual + BORDER):
        return None
    reason = (
        f"its mask{of} looks about {abs(pixels)} px too {'wide' if pixels > 0 else 'narrow'} all round: "
        f"redrawn so, it would fit with IoU {best:.2f} instead of {as_usual:.2f}"
    )
    facts = {"pixels": pixels, "as_drawn": as_usual, "reached": best}
    return "border", reason, "draw the border closer to the thing", facts


def other_magnification(
    number: int,
    image: str,
    fits: Mapping[int, ClassFit],
    baselines: Sequence[Mapping[int, ClassFit]],
    names: Mapping[int, str],
) -> list[CueFlag]:
    """A flag a class that is FACTOR times thicker or thinner than on the median of the others.

    It takes two others at least, and a cue that they predict better than they are predicted themselves is left alone.
    """
    flags = []
    for cls, found in fits.items():
        others = [p[cls] for p in baselines if cls in p]
        if len(others) < 2 or found.iou > median(o.iou for o in others):
            continue
        ratio = found.thickness / median(o.thickness for o in others)
        if max(ratio, 1 / ratio) < FACTOR:
            continue
        how = f"{ratio:.1f} times as thick" if ratio > 1 else f"{1 / ratio:.1f} times thinner"
        reason = f"its {names[cls]!r} is {how} than on the median of the other cues: another magnification"
        remedy = "use images of one magnification, or keep a cue set for each"
        flags.append(CueFlag(number, image, "magnification", reason, remedy, {"ratio": ratio}))
    return flags


def weigh(
    grave: Sequence[CueFlag],
    light: Sequence[CueFlag],
    agreements: Sequence[Agreement],
    outlines: Mapping[int, Mapping[int, Outline]],
) -> list[CueFlag]:
    """The flags that are told, in the order of the cues. `outlines`: position of a cue -> class id -> outline.

    One bad cue can turn the answers on all others, so that these look wrong, too. So a flag but of the border or size
    is told only where the cue does not agree with the others; of two cues nothing is known that way, and all are told.
    Light flags (border, magnification) say nothing until graver ones are mended: they are told alone, or where they
    explain why a cue does not agree. What nothing explains is `shifted` where its outline lies off the edges and the
    others' do not, else `harmful`.
    """
    outliers = {a.number: a for a in agreements if a.is_outlier}
    if agreements:
        grave = [f for f in grave if f.number in outliers]
    told = {f.number for f in grave}
    explained = [f for f in light if f.number in outliers.keys() - told]
    told |= {f.number for f in explained}
    unexplained = [
        off_its_edges(a, outlines) or harmful(a) for number, a in outliers.items() if number not in told
    ]
    return sorted([*grave, *explained, *unexplained] or list(light), key=lambda f: f.number)


def off_its_edges(found: Agreement, outlines: Mapping[int, Mapping[int, Outline]]) -> CueFlag | None:
    """The flag of a cue whose mask does not follow the edges of its picture, where those of the others do."""
    if found.outline is None or found.outline >= FOLLOWS:
        return None
    others = [o[found.cls].share for cue, o in outlines.items() if cue != found.number - 1 and found.cls in o]
    known = [share for share in others if share is not None]
    if known and median(known) < FOLLOWS:
        return None
    outline = outlines[found.number - 1][found.cls]
    reason = (
        f"its mask looks shifted, or drawn on another image: its outline would lie on stronger edges at "
        f"{1 - found.outline:.0%} of the other places of this image, and best {_way(outline.dx, outline.dy)}"
    )
    facts = {"dx": outline.dx, "dy": outline.dy, "outline": found.outline}
    remedy = "move the mask, or check that it was drawn on this image"
    return CueFlag(found.number, found.image, "shifted", reason, remedy, facts)


def harmful(found: Agreement) -> CueFlag:
    """The flag of a cue that does not agree with the others, where its drawing does not say why."""
    remedy = "look at its mask; correct it or take the cue out"
    facts = {k: getattr(found, k) for k in ("own", "others", "doubt")}
    if found.others - found.own < LOWER:
        reason = (
            "its mask is unlike those of the other cues: it lies along the frame of the image where theirs do not, or "
            "off the image's edges"
        )
        return CueFlag(found.number, found.image, "harmful", reason, remedy, facts)
    reason = (
        f"it and the other cues do not agree on what the thing is: they rank each other's pixels right with "
        f"{found.own:.2f}, where the others reach {found.others:.2f} (0.5 is chance): wrong thing, wrong class or a "
        "sloppy mask"
    )
    return CueFlag(found.number, found.image, "harmful", reason, remedy, facts)


def _way(dx: int, dy: int) -> str:
    """A move in words, as '3 px left and 5 px up'."""
    moves = ((dx, ("left", "right")), (dy, ("up", "down")))
    return " and ".join(f"{abs(d)} px {way[d > 0]}" for d, way in moves if d)
