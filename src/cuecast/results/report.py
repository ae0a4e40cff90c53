"""report.html: every image with its verdict on one page that needs neither a server nor the network.

Doubtful images come first, because a person's look is worth most there. Without scripts the page is the same
list; with them it filters, sorts, searches and enlarges. With `review` each image has a tick box 'wrong', and a
button saves the ticks as a file for `cuecast.results.review`. With a check it says what the cues say of each other: an
IoU a cue, flags in words, a small curve. The markup is the template report.html beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup

from cuecast.core.values import ClassInfo, Verdict
from cuecast.io.pages import asset, environment, write_page
from cuecast.results.manifest import Review
from cuecast.results.sizes import Sizes

State = Verdict | Literal["failed"]

ROOM = "cuecast.results"
ATTENTION: tuple[State, ...] = ("doubtful", "failed", "absent", "found")
"""The order of the page; within one verdict, the least confident come first."""
SIGNS: dict[State, str] = {"doubtful": "?", "failed": "!", "absent": "○", "found": "✓"}
SAID: dict[Review, str] = {"accepted": "accepted", "corrected": "corrected", "wrong": "called wrong"}
PICTURES = 2000
"""Rows beyond these carry no picture, so that the page can still be opened."""
WIDTH, HEIGHT = 340, 152
LEFT, RIGHT, TOP, BOTTOM = 34, 18, 24, 24
"""The curve's picture and the margins round its axes, in CSS pixels."""


@dataclass(frozen=True)
class ReportRow:
    """One image of the report.

    name        what the image is called on the page.
    confidence  in [0, 1]; None where it failed.
    share       marked part of the image, in [0, 1].
    full        path of the large picture relative to the report, or None: the small one is enlarged.
    error       why it failed.
    mask_hash   SHA-256 of the mask file, by which a tick names the mask it was made for.
    review      what a person has said of the mask; `reviewer`: who.
    counts      name of a class -> number of its objects; said where there are several classes.
    """

    name: str
    verdict: State
    confidence: float | None = None
    objects: int | None = None
    share: float | None = None
    size: tuple[int, int] | None = None
    full: str | None = None
    error: str | None = None
    mask_hash: str | None = None
    review: Review | None = None
    reviewer: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name as JSON, for the page's script."""
        return json.dumps(self.name)

    @property
    def sure(self) -> str | None:
        """'87% sure'; None where no answer was made."""
        return None if self.confidence is None else f"{self.confidence:.0%} sure"

    @property
    def details(self) -> list[str]:
        """What stands below the verdict."""
        if self.verdict == "failed":
            return ["not segmented"]
        objects = self.objects
        parts = [] if objects is None else [f"{objects} {'object' if objects == 1 else 'objects'}"]
        if len(self.counts) > 1:
            parts = [f"{parts[0]} ({', '.join(f'{n} {name}' for name, n in self.counts.items())})"]
        if self.share is not None:
            parts.append(f"{_percent(self.share)} marked")
        if self.review:
            parts.append(f"{SAID[self.review]} by {self.reviewer}" if self.reviewer else SAID[self.review])
        return parts

    @property
    def about(self) -> str:
        """The row in one line of words."""
        size = f"{self.size[1]} × {self.size[0]} pixels" if self.size else None
        details = () if self.verdict == "failed" else self.details
        return ", ".join(part for part in (self.verdict, self.sure, *details, size) if part)


@dataclass(frozen=True)
class ReportCue:
    """One cue of the report's head: what it is called, and its picture as JPEG."""

    name: str
    picture: bytes


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

    def kinds(self, number: int) -> list[str]:
        """The kinds of the flags of a cue, each once."""
        return list(dict.fromkeys(f.kind for f in self.flags if f.number == number))

    def plotted(self) -> dict[str, Any]:
        """Where points and lines of the curve lie in its picture."""
        right, low = WIDTH - RIGHT, HEIGHT - BOTTOM
        step = (right - LEFT - 24) / (len(self.curve) - 1)
        points = [
            {
                "number": n,
                "iou": iou,
                "x": round(LEFT + 12 + i * step, 1),
                "y": round(low - iou * (low - TOP), 1),
            }
            for i, (n, iou) in enumerate(self.curve)
        ]
        lines = [(value, low - value * (low - TOP)) for value in (0.0, 0.5, 1.0)]
        place = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": right, "low": low}
        return {**place, "points": points, "lines": lines}


def write_report(
    path: str | Path,
    rows: Sequence[ReportRow],
    pictures: Callable[[Sequence[ReportRow]], Iterable[bytes | None]],
    *,
    classes: Sequence[ClassInfo],
    facts: Sequence[tuple[str, str]] = (),
    cues: Sequence[ReportCue] = (),
    title: str = "What was found",
    review: bool = False,
    check: ReportCheck | None = None,
    sizes: Sequence[Sizes] = (),
) -> Path:
    """Write the page, atomically. Rows may come in any order; equal inputs give equal bytes.

    pictures  gives the small pictures of rows as JPEG, each taken when the page has come to it; None for none.
    facts    (label, text) pairs for the head of the page.
    review   with tick boxes, for rows that have a `mask_hash`.
    check    what the cues say of each other; its numbers are places in `cues`, from 1.
    sizes    of the objects of each class.

    Raises OutputError.
    """
    ordered = sorted(rows, key=lambda r: (ATTENTION.index(r.verdict), r.confidence or 0.0, r.name))
    counts = {state: sum(r.verdict == state for r in rows) for state in ATTENTION}
    reviewed = {word: sum(r.review == review for r in rows) for review, word in SAID.items()}
    told = ", ".join(f"{n} {word}" for word, n in reviewed.items() if n)

    def pictured() -> Iterator[tuple[ReportRow, bytes | None]]:
        yield from zip(ordered[:PICTURES], pictures(ordered[:PICTURES]), strict=True)
        yield from ((row, None) for row in ordered[PICTURES:])

    page = (
        environment()
        .from_string(asset(ROOM, "report.html"))
        .generate(
            title=title,
            total=len(rows),
            counts=[(state, n) for state, n in counts.items() if n],
            classes=classes,
            facts=[*facts, *([("reviewed", told)] if told else [])],
            cues=cues,
            check=check,
            sizes=sizes,
            review=review,
            rows=pictured(),
            signs=SIGNS,
            style=Markup(asset(ROOM, "report.css")),
            script=Markup(asset(ROOM, "report.js")),
        )
    )
    return write_page(path, page)


def _percent(share: float) -> str:
    """'0 %' only for nothing at all."""
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{share:.1%}".replace("%", " %") if share else "0 %"
