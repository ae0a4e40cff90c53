"""The part of report.html that says what the cues say of each other: an IoU a cue, flags in words, a small curve."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 340, 152
LEFT, RIGHT, TOP, BOTTOM = 34, 18, 24, 24
"""The curve's picture and the margins round its axes, in CSS pixels."""


@dataclass(frozen=True)
class ReportScore:
    """The IoU in [0, 1] that all other cues reach on one; by class name where there are several. None: not known."""

    iou: float | None
    classes: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportFlag:
    """A cue that hurts: its number from 1, its image, why it is thought so, and what to do."""

    number: int
    image: str
    kind: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class ReportCheck:
    """What leave-one-out says of the cues.

    scores     number of a cue, from 1 -> its score; cues that are not here were not predicted.
    curve      (number of cues, IoU) pairs; drawn from two on.
    iou        the mean over the cues.
    sentences  what there is to say beside the flags.
    """

    scores: Mapping[int, ReportScore] = field(default_factory=dict)
    flags: Sequence[ReportFlag] = ()
    curve: Sequence[tuple[int, float]] = ()
    iou: float | None = None
    sentences: Sequence[str] = ()


def cue_lines(check: ReportCheck, number: int) -> str:
    """What is said below the picture of a cue: its IoU and the kinds of its flags, as HTML."""
    score = check.scores.get(number, ReportScore(None))
    lines = [f"<span class='iou'>{_iou(score.iou)}</span>"]
    kinds = dict.fromkeys(f.kind for f in check.flags if f.number == number)
    lines += [f"<span class='flag'>{html.escape(kind)}</span>" for kind in kinds]
    parts = ", ".join(f"{name} {_figure(iou)}" for name, iou in score.classes.items())
    return f"<span class='said'>{''.join(lines)}</span>" + (
        f"<span class='parts' title='{html.escape(parts)}'>{html.escape(parts)}</span>" if parts else ""
    )


def check_section(check: ReportCheck) -> Iterator[str]:
    """The section with curve, flags and sentences, as HTML."""
    yield "<section><h2>What the cues say of each other</h2><div class='check'>"
    if len(check.curve) > 1:
        yield f"<figure class='curve'>{_curve(check.curve)}<figcaption>IoU by number of cues</figcaption></figure>"
    yield "<div class='findings'>"
    if check.iou is not None:
        yield f"<p>Each cue with a mask is predicted from all the others: mean IoU {_figure(check.iou)}.</p>"
    if check.flags:
        yield "<ul class='flags'>"
        for f in check.flags:
            kind, image = html.escape(f.kind), html.escape(f.image)
            yield f"<li><span class='flag'>{kind}</span> <b>Cue {f.number}</b> ({image}): "
            yield f"{html.escape(f.reason)}.<span class='remedy'>{_sentence(f.remedy)}</span></li>"
        yield "</ul>"
    for text in check.sentences:
        yield f"<p>{_sentence(text)}</p>"
    yield "</div></div></section>\n"


def _curve(points: Sequence[tuple[int, float]]) -> str:
    """An SVG of the points, evenly spaced since their numbers double; in words for those who do not see it."""
    right, low = WIDTH - RIGHT, HEIGHT - BOTTOM
    step = (right - LEFT - 24) / (len(points) - 1)
    places = [
        (round(LEFT + 12 + i * step, 1), round(low - iou * (low - TOP), 1))
        for i, (_, iou) in enumerate(points)
    ]
    words = ", ".join(f"{n}: {iou:.3f}" for n, iou in points)
    parts = [
        f"<svg viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' height='{HEIGHT}' role='img' "
        f"aria-label='IoU by number of cues: {words}'>"
    ]
    for value in (0.0, 0.5, 1.0):
        y = low - value * (low - TOP)
        parts.append(f"<line class='grid-line' x1='{LEFT}' y1='{y:g}' x2='{right}' y2='{y:g}'/>")
        parts.append(
            f"<text class='tick-label' x='{LEFT - 6}' y='{y + 4:g}' text-anchor='end'>{value:g}</text>"
        )
    parts.append(f"<polyline points='{' '.join(f'{x:g},{y:g}' for x, y in places)}'/>")
    for (number, iou), (x, y) in zip(points, places, strict=True):
        parts.append(f"<circle cx='{x:g}' cy='{y:g}' r='3.5'/>")
        parts.append(f"<text class='value' x='{x:g}' y='{y - 9:g}' text-anchor='middle'>{iou:.2f}</text>")
        parts.append(
            f"<text class='tick-label' x='{x:g}' y='{low + 17}' text-anchor='middle'>{number}</text>"
        )
    parts.append("</svg>")
    return "".join(parts)


def _iou(iou: float | None) -> str:
    return "not predicted" if iou is None else f"IoU {_figure(iou)}"


def _figure(iou: float | None) -> str:
    return "-" if iou is None else f"{iou:.2f}"


def _sentence(text: str) -> str:
    """Words of the command line as a sentence, escaped."""
    return html.escape(f"{text[:1].upper()}{text[1:].removesuffix('.')}.")
