"""What boxes, points and strokes reach, and whether the confidence of such answers can be trusted.

    python benchmarks/sparse.py EPISODES.jsonl [--root DIR] [--video DIR] [--limit N] [--frames N] [-o RESULT.json]

The first cue of an episode is shown by simulated marks (`cuecast.training.calibrate_sparse`) in place of its mask.
Asked are the marked picture itself and the query. --limit takes the first N tasks of each set. DIR of --video holds a
folder a sequence with images/NNNNN.jpg and masks/NNNNN.png, 0 and 1: its first frame is marked and followed through
--frames frames of it, two apart. RESULT.json is tabled by docs/generate_benchmarks.py.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

import cuecast
from cuecast.core.metrics import iou
from cuecast.core.values import IGNORE, Example
from cuecast.evaluation.episodes import Episode, read_episodes
from cuecast.evaluation.evaluate import cue_of, source_commit, truth_of
from cuecast.evaluation.reliability import calibration_error
from cuecast.io.files import write_text
from cuecast.io.images import read_image
from cuecast.io.labels.masks import read_mask
from cuecast.predictor import Predictor
from cuecast.propagation.track import track
from cuecast.training.calibrate_sparse import FORMS, hand_marks

KIND = "sparse"
STEP = 2
"""Frames from one that is followed to the next."""


class Answer(NamedTuple):
    """One answer: `asked` is 'marked picture', 'another picture' or 'video'."""

    asked: str
    form: str
    set: str
    iou: float
    confidence: float
    verdict: str

    @property
    def kind(self) -> str:
        """The kind of the marks, see `cuecast.engine.mark_weights.kind_of`."""
        return self.form if self.form == "boxes" else "two-sided" if "against" in self.form else "one-sided"


def main() -> int:
    """Measure, print a table, and keep it where asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("episodes", type=Path)
    parser.add_argument("--root", type=Path, help="where the paths of the episodes start")
    parser.add_argument("--video", type=Path)
    parser.add_argument("--limit", type=int, default=2)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=FORMS)
    parser.add_argument("--pack", default="general")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    predictor = cuecast.load(options.pack)
    root = options.root or options.episodes.parent
    answers = list(
        picture_answers(predictor, read_episodes(options.episodes), root, options.limit, options.forms)
    )
    if options.video:
        answers += video_answers(predictor, options.video, options.frames, options.forms)
    record = {
        "kind": KIND,
        "pack": predictor.pack.name,
        "pack_digest": predictor.pack.digest,
        "commit": source_commit(),
        **summarise(answers),
    }
    print(as_text(record))
    if options.output:
        write_text(options.output, json.dumps(record, indent=1) + "\n")
        print(f"wrote {options.output}")
    return 0


def picture_answers(
    predictor: Predictor, episodes: Sequence[Episode], root: Path, limit: int, forms: Sequence[str]
) -> Iterator[Answer]:
    """The answers to the first episode with one cue of the first `limit` tasks of each set."""
    chosen: dict[tuple[str, str], Episode] = {}
    for e in episodes:
        tasks = {task for name, task in chosen if name == e.set}
        if e.shots == 1 and (e.task in tasks or len(tasks) < limit):
            chosen.setdefault((e.set, e.task), e)
    for episode in chosen.values():
        cue = cue_of(episode.cues[0], root).read()
        for form in forms:
            rng = np.random.default_rng(zlib.crc32(f"{episode.id}/{form}".encode()))
            labels = truth_of(episode.cues[0], root, cue.image)
            concept = predictor.learn([Example(cue.image, hand_marks(rng, labels, form))])
            for asked, shown in (("marked picture", episode.cues[0]), ("another picture", episode.query)):
                image = read_image(root / shown.image)
                found, truth = concept.segment(image), truth_of(shown, root, image)
                reached = iou(found.mask > 0, truth > 0, truth == IGNORE)
                yield Answer(asked, form, episode.set, reached, found.confidence, found.verdict)


def video_answers(predictor: Predictor, folder: Path, count: int, forms: Sequence[str]) -> Iterator[Answer]:
    """The answers to the frames after the first one, which is marked, of each sequence."""
    for place in sorted(p for p in folder.iterdir() if (p / "masks").is_dir()):
        paths = sorted((place / "images").glob("*.jpg"))[::STEP][: count + 1]
        frames = [read_image(p) for p in paths]
        truths = [
            read_mask(place / "masks" / f"{p.stem}.png", image=i, value=1)
            for p, i in zip(paths, frames, strict=True)
        ]
        for form in forms:
            rng = np.random.default_rng(zlib.crc32(f"{place.name}/{form}".encode()))
            example = Example(frames[0], hand_marks(rng, truths[0], form))
            concept = predictor.learn([example], scale="pixel")
            for answer in track(concept, frames, {0: example}):
                if answer.index:
                    found = answer.prediction
                    reached = iou(found.mask > 0, truths[answer.index] > 0)
                    yield Answer("video", form, place.name, reached, found.confidence, found.verdict)


def summarise(answers: Sequence[Answer]) -> dict[str, Any]:
    """By what was asked, the IoU of each form of marks (mean over sets) and the calibration of each kind."""
    forms: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    kinds: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for a in answers:
        forms[a.asked, a.form][a.set].append(a.iou)
        kinds[a.asked, a.kind].append(a)
    return {
        "forms": [
            {"asked": asked, "form": form, "iou": fmean(fmean(v) for v in sets.values())}
            for (asked, form), sets in forms.items()
        ],
        "kinds": [
            {"asked": asked, "marks": kind, **calibrated(group)} for (asked, kind), group in kinds.items()
        ],
    }


def calibrated(answers: Sequence[Answer]) -> dict[str, Any]:
    """Number of answers, mean IoU and confidence, calibration error, and the IoU of what is said to be found."""
    confidence, reached = (np.array([getattr(a, n) for a in answers]) for n in ("confidence", "iou"))
    found = [a.iou for a in answers if a.verdict == "found"]
    return {
        "answers": len(answers),
        "iou": float(reached.mean()),
        "confidence": float(confidence.mean()),
        "error": calibration_error(confidence, reached),
        "found": len(found),
        "found_iou": fmean(found) if found else None,
    }


def as_text(record: dict[str, Any]) -> str:
    """A line a form of marks, then a line a kind."""
    lines = [f"{f['asked']:16} {f['form']:22} IoU {f['iou']:.3f}" for f in record["forms"]]
    for k in record["kinds"]:
        found = "-" if k["found_iou"] is None else f"{k['found_iou']:.3f}"
        lines.append(
            f"{k['asked']:16} {k['marks']:10} {k['answers']:4} answers, IoU {k['iou']:.3f}, "
            f"confidence {k['confidence']:.3f}, calibration error {k['error']:.3f}; found {k['found']} at {found}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
