"""report.html: every image with its verdict on one page that needs neither a server nor the network.

Doubtful images come first, because a person's look is worth most there. Without scripts the page is the same
list; with them it filters, sorts, searches and enlarges. With `review` each image has a tick box 'wrong', and a
button saves the ticks as a file for `cuecast.results.review`.
"""

from __future__ import annotations

import base64
import html
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from cuecast.core.values import ClassInfo, Verdict
from cuecast.io.files import replacing
from cuecast.results.report_check import ReportCheck, check_section, cue_lines

State = Verdict | Literal["failed"]

ATTENTION: tuple[State, ...] = ("doubtful", "failed", "absent", "found")
"""The order of the page; within one verdict, the least confident come first."""

SIGNS: dict[State, str] = {"doubtful": "?", "failed": "!", "absent": "○", "found": "✓"}
PICTURES = 2000
"""Rows beyond these carry no picture, so that the page can still be opened."""


@dataclass(frozen=True)
class ReportRow:
    """One image of the report.

    name        what the image is called on the page.
    confidence  in [0, 1]; None where it failed.
    share       marked part of the image, in [0, 1].
    full        path of the large picture relative to the report, or None: the small one is enlarged.
    error       why it failed.
    mask_hash   SHA-256 of the mask file, by which a tick names the mask it was made for.
    wrong       a person has ticked it before.
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
    wrong: bool = False


@dataclass(frozen=True)
class ReportCue:
    """One cue of the report's head: what it is called, and its picture as JPEG."""

    name: str
    picture: bytes


def write_report(
    path: str | Path,
    rows: Sequence[ReportRow],
    picture: Callable[[ReportRow], bytes | None],
    *,
    classes: Sequence[ClassInfo],
    facts: Sequence[tuple[str, str]] = (),
    cues: Sequence[ReportCue] = (),
    title: str = "What was found",
    review: bool = False,
    check: ReportCheck | None = None,
) -> Path:
    """Write the page, atomically. Rows may come in any order; equal inputs give equal bytes.

    picture  gives a row's small picture as JPEG, asked for once each as the page is written; None for none.
    facts    (label, text) pairs for the head of the page.
    review   with tick boxes, for rows that have a `mask_hash`.
    check    what the cues say of each other; its numbers are places in `cues`, from 1.

    Raises OutputError.
    """
    ordered = sorted(rows, key=_attention)
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="replace", newline="\n") as f,
    ):
        f.writelines(_head(title, ordered, classes, facts, _cues(cues, check), review))
        for number, row in enumerate(ordered):
            f.write(_card(row, picture(row) if number < PICTURES else None, review))
        f.write(_FOOT.format(script=_asset("report.js")))
    return Path(path)


def _attention(row: ReportRow) -> tuple[int, float, str]:
    return ATTENTION.index(row.verdict), row.confidence or 0.0, row.name


def _head(
    title: str,
    rows: Sequence[ReportRow],
    classes: Sequence[ClassInfo],
    facts: Sequence[tuple[str, str]],
    shown: Iterator[str],
    review: bool,
) -> Iterator[str]:
    counts = {state: sum(r.verdict == state for r in rows) for state in ATTENTION}
    yield _HEAD.format(title=_text(title), style=_asset("report.css"))
    yield f"<header class='wrap'>\n<h1>{_text(title)}</h1>\n<p class='facts'>"
    yield f"<span><b>{len(rows)}</b> {'image' if len(rows) == 1 else 'images'}</span>"
    for c in classes:
        yield f"<span><span class='swatch' style='background:rgb{c.rgb}'></span>{_text(c.name)}</span>"
    for label, text in facts:
        yield f"<span>{_text(label)} <b>{_text(text)}</b></span>"
    yield "</p>\n<div class='lead'>\n"
    yield from _shares(counts)
    yield from shown
    yield "</div>\n</header>\n"
    yield from _toolbar(counts, review)
    yield "<main class='wrap'>\n<ul class='grid' id='grid'>\n"


def _cues(cues: Sequence[ReportCue], check: ReportCheck | None) -> Iterator[str]:
    """What was shown, and what it says of itself."""
    if cues:
        yield "<section><h2>What was shown</h2><div class='cues' tabindex='0' aria-label='Cues'>"
        for number, cue in enumerate(cues, start=1):
            name = _text(f"{number}. {cue.name}" if check else cue.name)
            yield (
                f"<figure><img src='{_data(cue.picture)}' alt='{_text(cue.name)}'>"
                f"<figcaption title='{_text(cue.name)}'>{name}</figcaption>"
                f"{cue_lines(check, number) if check else ''}</figure>"
            )
        yield "</div></section>\n"
    if check:
        yield from check_section(check)


def _shares(counts: dict[State, int]) -> Iterator[str]:
    """A bar of the verdicts' shares; in words for those who do not see it."""
    words = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
    yield f"<div class='shares' role='img' aria-label='{words or 'no images'}'>"
    for state, n in counts.items():
        if n:
            yield f"<i class='{state}' style='flex:{n}' title='{n} {state}'></i>"
    yield "</div>\n"


def _toolbar(counts: dict[State, int], review: bool) -> Iterator[str]:
    yield "<nav class='bar' aria-label='Filter and sort'><div class='wrap'><div class='tabs'>"
    yield f"<button data-verdict='all' aria-pressed='true'>All <b>{sum(counts.values())}</b></button>"
    for state, n in counts.items():
        if n:
            sign = f"<span class='mark {state}' aria-hidden='true'>{SIGNS[state]}</span>"
            word = f"{sign}{state.capitalize()} <b>{n}</b>"
            yield f"<button data-verdict='{state}' aria-pressed='false'>{word}</button>"
    yield _TOOLS.format(review=_REVIEW if review else "")


def _card(row: ReportRow, picture: bytes | None, review: bool) -> str:
    """One image as a list item. All that comes from outside is escaped."""
    name, about, sign = _text(row.name), _text(_about(row)), SIGNS[row.verdict]
    if picture:
        full = f" data-full='{_text(quote(os.fsencode(row.full)))}'" if row.full else ""
        image = f"<img loading='lazy' alt='{name}, {about}' src='{_data(picture)}'{full}>"
        top = f"<button class='open' aria-label='Enlarge {name}'>{image}</button>"
    else:
        top = f"<div class='none'>{_text(row.error or 'no picture')}</div>"
    sure, meter = "", ""
    if row.confidence is not None:
        width = f"<i style='width:{100 * row.confidence:.0f}%'></i>"
        sure = f"<span>{row.confidence:.0%} sure</span>"
        meter = f"<div class='meter {row.verdict}' aria-hidden='true'>{width}</div>"
    return (
        f"<li class='card' data-verdict='{row.verdict}' data-name='{name}' data-about='{about}' "
        f"data-confidence='{_number(row.confidence)}' data-area='{_number(row.share)}' "
        f"data-objects='{_number(row.objects)}'>{top}<div class='text'>"
        f"<span class='name' title='{name}'>{name}</span><div class='row'>"
        f"<span class='verdict {row.verdict}'>{sign} {row.verdict}</span>{sure}</div>"
        f"{meter}<div class='row'>{_details(row)}</div>{_tick(row) if review else ''}</div></li>\n"
    )


def _tick(row: ReportRow) -> str:
    """The box 'wrong' of a row that has a mask. Its name is JSON, which keeps file names that are no Unicode."""
    if row.mask_hash is None:
        return ""
    key = _text(json.dumps(row.name))
    checked = " checked" if row.wrong else ""
    return (
        f"<label class='tick'><input type='checkbox' data-key='{key}' data-mask='{_text(row.mask_hash)}' "
        f"aria-label='Wrong: {_text(row.name)}'{checked}> wrong</label>"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _details(row: ReportRow) -> str:
    if row.verdict == "failed":
        return "<span>not segmented</span>"
    parts = []
    if row.objects is not None:
        parts.append(f"{row.objects} {'object' if row.objects == 1 else 'objects'}")
    if row.share is not None:
        parts.append(f"{_percent(row.share)} marked")
    return "".join(f"<span>{_text(part)}</span>" for part in parts)


def _about(row: ReportRow) -> str:
    """The row in one line of words."""
    parts = [str(row.verdict)]
    if row.confidence is not None:
        parts.append(f"{row.confidence:.0%} sure")
    if row.objects is not None:
        parts.append(f"{row.objects} {'object' if row.objects == 1 else 'objects'}")
    if row.share is not None:
        parts.append(f"{_percent(row.share)} marked")
    if row.size is not None:
        parts.append(f"{row.size[1]} × {row.size[0]} pixels")
    return ", ".join(parts)


def _percent(share: float) -> str:
    """'0 %' only for nothing at all."""
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{share:.1%}".replace("%", " %") if share else "0 %"


def _text(text: str) -> str:
    return html.escape(text, quote=True)


def _data(picture: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"


def _asset(name: str) -> str:
    return package_files("cuecast.results").joinpath(name).read_text(encoding="utf-8")


_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data: file: 'self'; \
style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="generator" content="cuecast">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
"""

_TOOLS = """</div><div class='tools'>
<span id='shown' role='status'></span>
<span class='hint'><kbd>/</kbd> search, <kbd>←</kbd> <kbd>→</kbd> move, <kbd>Enter</kbd> enlarge</span>
<input type='search' id='search' placeholder='Name contains' aria-label='Name contains'>
<label>Sort <select id='sort'>
<option value='attention'>needs a look first</option>
<option value='surest'>surest first</option>
<option value='name'>name</option>
<option value='area'>largest area first</option>
<option value='objects'>most objects first</option>
</select></label>{review}</div></div></nav>
"""

_REVIEW = """
<label><input type='checkbox' id='only'> ticked only</label>
<button id='save' class='save' title='Saves review.json, for: cuecast review OUT review.json'>Save review \
<b id='ticked'>0</b></button>
<span id='saved' class='unseen' role='status'></span>"""

_FOOT = """</ul>
<p class='nothing' id='nothing' hidden>No image matches. Choose All, or empty the search.</p>
</main>
<footer><div class='wrap'>How sure: the overlap (IoU) that is expected of a mask; for an absent thing, \
how sure it is that nothing is there. Masks, tables and the manifest lie beside this page.</div></footer>
<dialog id='lightbox' aria-label='Enlarged image'>
<button id='close' aria-label='Close'>✕</button>
<button id='previous' aria-label='Previous image'>‹</button>
<div class='stage'><img id='big' alt=''></div>
<button id='next' aria-label='Next image'>›</button>
<div class='foot' id='about'></div>
</dialog>
<script>
{script}</script>
</body>
</html>
"""
