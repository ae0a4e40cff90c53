"""The check of a concept's cues beside the results of a batch: made once, kept for later runs of the same cues.

cue_check.json in the folder of the results:

    {"cuecast": "cue check", "version": 1, "pack": "c1b7...", "cues": "9f86...",
     "leave_one_out": {...}, "note": null}

`pack` and `cues` are the digests of the manifest: a check of other cues, or by another pack, counts as none.
`leave_one_out` and `note` are those of `cuecast cues check --json`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cuecast.core.errors import InputError
from cuecast.cue_quality.check import Progress, check_cues, too_few
from cuecast.cue_quality.result import NO_FLAG, CueCheck
from cuecast.cue_quality.trials import complete_cues
from cuecast.io.files import read_json, write_text
from cuecast.predictor import Concept
from cuecast.results.report_check import ReportCheck, ReportFlag, ReportScore

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


def make_check(concept: Concept, progress: Progress | None = None) -> KeptCheck:
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
