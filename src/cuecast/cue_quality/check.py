"""`check_cues`: leave-one-out over the cues of a concept. Which of them hurt, and would more help?

Beside the results of a batch a check is kept for later runs of the same cues, as cue_check.json:

    {"cuecast": "cue check", "version": 1, "pack": "c1b7...", "cues": "9f86...",
     "leave_one_out": {...}, "note": null}

`pack` and `cues` are the digests of the manifest: a check of other cues, or by another pack, counts as none.
`leave_one_out` and `note` are those of `cuecast cues check --json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cuecast.core.errors import CueError, InputError
from cuecast.core.ordered import Progress, Step, silent
from cuecast.core.values import ClassInfo, Example
from cuecast.cue_quality.agreement import agreements, outlines, separations
from cuecast.cue_quality.flags import ClassFit, drawn_wrongly, fit, other_magnification, weigh
from cuecast.cue_quality.result import NO_FLAG, CueCheck, CueFlag, CueScore, CurvePoint, advise
from cuecast.cue_quality.trials import Board, Trial, answers, class_ious, complete_cues, mean
from cuecast.cues import Cue
from cuecast.io.files import read_json, write_text
from cuecast.predictor import Concept, Predictor, read_cues
from cuecast.results.report import ReportCheck, ReportFlag, ReportScore


def check_cues(
    predictor: Predictor,
    examples: Iterable[Cue | Example],
    classes: Sequence[ClassInfo | str] | None = None,
    scale: str = "frame",
    progress: Progress = silent,
) -> CueCheck:
    """What the cues say of each other.

    For each complete cue (with a mask or polygons), the IoU that the concept of all others reaches on it; flags for
    cues that hurt; mean IoU against the number of cues. `classes` and `scale` are as in `Predictor.learn`.

    Cost: with n complete cues, n answers for leave-one-out, at most 8 n for what each cue alone teaches, and 8 for each
    number of cues of the curve (1, 2, 4, ...).
    Raises CueError where fewer than two pictures have a complete cue, and what learning raises.
    """
    infos, read = read_cues(tuple(examples), classes)
    if len(complete_cues(read)) < 2:
        raise CueError(too_few(read))
    return _Check(Board(predictor, read, infos or _unnamed(read), scale), progress).run()


def too_few(examples: Sequence[Example]) -> str:
    """Why leave-one-out cannot be done, and what to do."""
    count = len(complete_cues(examples))
    return (
        f"leave-one-out needs two images with a mask or polygons, here {'is' if count == 1 else 'are'} {count}: "
        "add a cue with a mask"
    )


@dataclass(eq=False)
class _Check:
    """One run of `check_cues`: the answers so far, kept as figures."""

    board: Board
    progress: Progress
    ious: dict[Trial, dict[int, float]] = field(default_factory=dict)
    separations: dict[Trial, dict[int, float]] = field(default_factory=dict)
    fits: dict[int, dict[int, ClassFit]] = field(default_factory=dict)

    def run(self) -> CueCheck:
        board = self.board
        alone = {q: board.left_out(q) for q in board.complete}
        pairs, curve = board.pairs(), board.curve()
        self._ask([*alone.values(), *(t for _, t in pairs), *(t for ts in curve.values() for t in ts)], pairs)
        grave, light = self._drawn()
        lies = {cue: outlines(board.examples[cue]) for cue in board.complete}
        agreed = agreements(pairs, self.separations, lies, board.examples)
        flags = weigh(grave, light, agreed, lies)
        points = [
            CurvePoint(n, value, len(ts)) for n, ts in curve.items() if (value := self._mean(ts)) is not None
        ]
        more, advice = advise(points, bool(flags))
        return CueCheck(
            scores=tuple(self._score(q, t) for q, t in alone.items()),
            flags=tuple(flags),
            agreements=tuple(agreed),
            curve=tuple(points),
            more_helps=more,
            advice=advice,
            answers=len(self.ious),
        )

    def _ask(self, trials: Sequence[Trial], pairs: Sequence[tuple[int, Trial]]) -> None:
        """Answer what is not answered yet, and keep the figures; ranks of the pairs alone."""
        ranked = {trial for _, trial in pairs}
        new = [t for t in dict.fromkeys(trials) if t not in self.ious]
        total = len(self.ious) + len(new)
        for trial, prediction in answers(self.board, new):
            example = self.board.examples[trial.query]
            self.ious[trial] = class_ious(prediction, example)
            if trial in ranked:
                self.separations[trial] = separations(prediction, example)
            if trial == self.board.left_out(trial.query):
                self.fits[trial.query] = fit(prediction, example, self.board.scale)
            self.progress(Step("answers", len(self.ious), total))

    def _drawn(self) -> tuple[list[CueFlag], list[CueFlag]]:
        """The (grave, light) flags that need no further answers."""
        grave, light = [], []
        for q in self.board.complete:
            baselines = [self.fits[p] for p in self.board.complete if p != q]
            said = (q + 1, self._name(q), self.fits[q], baselines, self._names())
            wrong = drawn_wrongly(*said)
            grave += [f for f in wrong if f.kind != "border"]
            light += [f for f in wrong if f.kind == "border"] or ([] if wrong else other_magnification(*said))
        return grave, light

    def _mean(self, trials: Iterable[Trial]) -> float | None:
        """Mean IoU over trials, of each the mean over its classes."""
        return mean(m for t in trials if (m := mean(self.ious[t].values())) is not None)

    def _score(self, query: int, trial: Trial) -> CueScore:
        found = self.ious[trial]
        return CueScore(
            number=query + 1,
            image=self._name(query),
            iou=mean(found.values()),
            classes={c.name: found.get(c.id) for c in self.board.classes},
        )

    def _name(self, query: int) -> str:
        return self.board.examples[query].image.name

    def _names(self) -> dict[int, str]:
        return {c.id: c.name for c in self.board.classes}


def _unnamed(examples: Sequence[Example]) -> tuple[ClassInfo, ...]:
    """Names of the marked classes where none are given, as `Predictor.learn` gives them."""
    marked = sorted({c for e in examples for c in e.marks.class_ids})
    return tuple(ClassInfo(c, "thing" if marked == [1] else f"class {c}") for c in marked)


NAME = "cue_check.json"
KIND, VERSION = "cue check", 1


@dataclass(frozen=True)
class KeptCheck:
    """What leave-one-out says of a concept's cues, or in `note` why it says nothing."""

    check: CueCheck | None
    note: str = ""

    def for_report(self, images: Sequence[str]) -> ReportCheck:
        """The same as the report shows it; `images` are the names of all cues' images, in their order."""
        check = self.check
        if check is None:
            return ReportCheck(sentences=(self.note,))
        several = len({name for s in check.scores for name in s.classes}) > 1
        return ReportCheck(
            scores={s.number: ReportScore(s.iou, s.classes if several else {}) for s in check.scores},
            # The same cues may come from files of other names by now.
            flags=[
                ReportFlag(f.number, images[f.number - 1], f.kind, f.reason, f.remedy) for f in check.flags
            ],
            curve=[(p.cues, p.iou) for p in check.curve],
            iou=check.iou,
            sentences=(check.advice,) if check.flags else (NO_FLAG, check.advice),
        )


def make_check(concept: Concept, progress: Progress = silent) -> KeptCheck:
    """Check the cues of a concept, see `check_cues`; with fewer than two complete ones a note says so."""
    if len(complete_cues(concept.examples)) < 2:
        return KeptCheck(None, too_few(concept.examples))
    return KeptCheck(
        check_cues(concept.predictor, concept.examples, concept.classes, concept.scale, progress)
    )


def write_check(path: Path, kept: KeptCheck, concept: tuple[str, str]) -> Path:
    """Keep a check, atomically; `concept` are the digests (pack, cues). Raises OutputError."""
    record = {
        "cuecast": KIND,
        "version": VERSION,
        "pack": concept[0],
        "cues": concept[1],
        "leave_one_out": kept.check.as_dict() if kept.check else None,
        "note": kept.note or None,
    }
    return write_text(path, json.dumps(record, indent=1) + "\n")


def read_check(path: Path, concept: tuple[str, str]) -> KeptCheck | None:
    """The check that is kept of this concept; None where there is none, or none that can be used."""
    try:
        record = read_json(path, InputError)
        if [record.get(k) for k in ("cuecast", "version", "pack", "cues")] != [KIND, VERSION, *concept]:
            return None
        found = record["leave_one_out"]
        return KeptCheck(CueCheck.from_dict(found) if found else None, record["note"] or "")
    except (InputError, KeyError, TypeError, ValueError):
        return None
