"""How well a pack does on a fixed list of episodes: per set and mean, by number of cues.

Every episode learns its own concept. The figures do not depend on the number of workers: outcomes are kept in
the order of the list, and the means are taken afterwards.
"""

from __future__ import annotations

import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.cluster import Cluster
from cuecast.core.errors import CuecastError, EpisodeError
from cuecast.core.metrics import cldice, dice, iou
from cuecast.core.ordered import Progress, silent
from cuecast.core.values import IGNORE, Image, Verdict
from cuecast.cues import Cue
from cuecast.evaluation.episodes import Episode, EpisodeImage, is_thin
from cuecast.evaluation.processes import run_each
from cuecast.evaluation.reliability import reliability
from cuecast.io.files import write_row
from cuecast.io.images import read_image
from cuecast.io.labels.masks import read_mask
from cuecast.predictor import Predictor


@dataclass(frozen=True)
class Outcome:
    """What became of one episode. Seconds are wall time; `learn_seconds` reads the cues, too.

    `scored_iou` is the IoU of what the scores alone mark: the mask of an absent verdict is empty; None in results from
    before it was measured. `cldice` is None where the set's card does not say that its things are thin.
    """

    id: str
    set: str
    task: str
    shots: int
    iou: float
    dice: float
    scored_iou: float | None = field(default=None, kw_only=True)
    cldice: float | None = field(default=None, kw_only=True)
    verdict: Verdict
    confidence: float
    truth_empty: bool
    learn_seconds: float
    seconds: float


@dataclass(frozen=True)
class SetScore:
    """The means of one set at one number of cues; `set` is 'mean' for the mean over the sets.

    `cldice` is None for sets that are not thin; the mean is that of the thin sets.
    """

    set: str
    shots: int
    episodes: int
    iou: float
    dice: float
    cldice: float | None = field(default=None, kw_only=True)
    learn_seconds: float
    seconds: float


class Listed:
    """What all results of a list of episodes can say of themselves: dataclasses with these fields, the figures of the
    sets and their means."""

    outcomes: tuple[Any, ...]
    pack: str
    pack_digest: str
    commit: str | None
    scale: str
    workers: int
    wall_seconds: float

    def scores(self) -> Sequence[Any]:
        """One line a set, for each number of cues."""
        raise NotImplementedError

    def means(self) -> Sequence[Any]:
        """The means over sets of the means within each set."""
        raise NotImplementedError

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON takes it, the outcome of each episode included."""
        made = {k: v for k, v in vars(self).items() if k not in ("outcomes", "wall_seconds")}
        return {
            **made,
            "wall_seconds": round(self.wall_seconds, 3),
            "means": [asdict(s) for s in self.means()],
            "sets": [asdict(s) for s in self.scores()],
            **self._more(),
            "episodes": [asdict(o) for o in self.outcomes],
        }

    def as_csv(self) -> str:
        """One line a score, the means over sets last."""
        return as_csv({**asdict(s), **self._made()} for s in (*self.scores(), *self.means()))

    def episodes_csv(self) -> str:
        """One line an outcome, in the order of the list."""
        return as_csv({**asdict(o), **self._made()} for o in self.outcomes)

    def _more(self) -> dict[str, Any]:
        """What else JSON holds."""
        return {}

    def _made(self) -> dict[str, Any]:
        """What made the figures, for each line of a CSV."""
        return {"pack": self.pack, "commit": self.commit or ""}

    def _made_line(self, count: int, what: str = "episodes") -> str:
        """What made the figures, for the end of a table; `count` is how many of `what` were run."""
        return (
            f"pack {self.pack} {self.pack_digest[:12]}, commit {self.commit or 'unknown'}, scale {self.scale}, "
            f"{count} {what} in {self.wall_seconds:.0f} s, {self.workers} at a time"
        )


def made_by(predictor: Predictor, scale: str, workers: int, started: float) -> dict[str, Any]:
    """The fields of a result that say what made it; `started`: `time.perf_counter` when it began."""
    return {
        "pack": predictor.pack.name,
        "pack_digest": predictor.pack.digest,
        "commit": source_commit(),
        "scale": scale,
        "workers": workers,
        "wall_seconds": time.perf_counter() - started,
    }


@dataclass(frozen=True)
class EvaluationResult(Listed):
    """Outcomes in the order of the episode list, and what made them."""

    outcomes: tuple[Outcome, ...]
    pack: str
    pack_digest: str
    commit: str | None
    scale: str
    workers: int
    wall_seconds: float

    @property
    def shots(self) -> tuple[int, ...]:
        """The numbers of cues that occur, ascending."""
        return tuple(sorted({o.shots for o in self.outcomes}))

    def scores(self) -> list[SetScore]:
        """One line a set and number of cues, in the order of the list."""
        groups: dict[tuple[str, int], list[Outcome]] = defaultdict(list)
        for o in self.outcomes:
            groups[o.set, o.shots].append(o)
        return [_mean(name, shots, group) for (name, shots), group in groups.items()]

    def means(self) -> list[SetScore]:
        """One line a number of cues: the mean over sets of the means within each set."""
        scores = self.scores()
        return [_mean("mean", n, [s for s in scores if s.shots == n]) for n in self.shots]

    def _more(self) -> dict[str, Any]:
        return {"reliability": asdict(reliability(self.outcomes))}

    def as_table(self) -> str:
        """Plain text to read: a line a set, a column a number of cues, the mean over sets last."""
        scores = [*self.scores(), *self.means()]
        thin = any(s.cldice is not None for s in scores)
        columns = {"IoU": "iou", "Dice": "dice", **({"clDice": "cldice"} if thin else {}), "s": "seconds"}
        lines = _lines(scores, columns, [*dict.fromkeys(o.set for o in self.outcomes), "mean"])
        lines += [
            "",
            "IoU and Dice by number of cues; s: seconds an image, without learning the cues.",
            *(["clDice: Dice of the centre lines; its mean is over the thin sets."] if thin else []),
            reliability(self.outcomes).as_line(),
            self._made_line(len(self.outcomes)),
        ]
        return "\n".join(lines)


def evaluate(
    predictor: Predictor,
    episodes: Sequence[Episode],
    root: str | Path,
    progress: Progress = silent,
    *,
    workers: int = 1,
    threads: int | None = None,
    cluster: Cluster | None = None,
    scale: str = "frame",
) -> EvaluationResult:
    """Run every episode and measure its answer against the truth.

    workers, threads, cluster  as in `run_each`: the figures are the same, only the seconds differ.
    scale             as in `Predictor.learn`.

    Raises EpisodeError, which names the episode, where one cannot be run: a mean over a part is not reported.
    """
    started = time.perf_counter()
    run = partial(run_episode, scale=scale)
    outcomes = run_each(
        predictor, episodes, root, run, progress, workers=workers, threads=threads, cluster=cluster
    )
    return EvaluationResult(outcomes=tuple(outcomes), **made_by(predictor, scale, workers, started))


def run_episode(predictor: Predictor, episode: Episode, root: Path, scale: str = "frame") -> Outcome:
    """Learn the episode's cues, answer its query, compare. Raises EpisodeError and names the episode."""
    try:
        # The seconds are those of someone who shows these cues for the first time.
        predictor.segmenter.forget()
        started = time.perf_counter()
        cues = [cue_of(shown, root) for shown in episode.cues]
        concept = predictor.learn(cues, classes=[episode.task], scale=scale)
        learned = time.perf_counter()
        image = read_image(root / episode.query.image)
        prediction = concept.segment(image)
        truth = truth_of(episode.query, root, image)
        pair = prediction.mask > 0, truth > 0, truth == IGNORE
        return Outcome(
            id=episode.id,
            set=episode.set,
            task=episode.task,
            shots=episode.shots,
            iou=iou(*pair),
            dice=dice(*pair),
            scored_iou=iou(prediction.marked > 0, *pair[1:]),
            cldice=cldice(*pair) if is_thin(root, episode.set) else None,
            verdict=prediction.verdict,
            confidence=prediction.confidence,
            truth_empty=not bool((truth > 0).any()),
            learn_seconds=learned - started,
            seconds=prediction.seconds,
        )
    except EpisodeError:
        raise
    except CuecastError as error:
        raise EpisodeError(f"episode {episode.id}: {error}") from error


def source_commit() -> str | None:
    """The commit of the checkout this file belongs to, with '+changes' where it differs; None outside one."""
    here = Path(__file__).resolve()
    package = here.parents[1]

    def git(*args: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(package), *args], capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", str(here))  # not merely installed below one
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def cue_of(shown: EpisodeImage, root: Path) -> Cue:
    """The cue that an episode shows: its mask, or 'absent' where it has none.

    Without values everything that its mask marks is one thing; the mask is read for that. Raises InputError.
    """
    if shown.mask is None:
        return Cue(root / shown.image, absent=True)
    if shown.value is None:
        image = read_image(root / shown.image)
        return Cue(image, mask=np.minimum(truth_of(shown, root, image), 1))
    return Cue(root / shown.image, mask=root / shown.mask, value=shown.value)


def truth_of(query: EpisodeImage, root: Path, image: Image) -> NDArray[np.int32]:
    """(H, W) int32: 1 on the thing, 0 elsewhere, IGNORE where it does not count. Raises MaskError."""
    if query.mask is None:
        return np.zeros(image.size, np.int32)
    return read_mask(root / query.mask, image=image, value=query.value)


def _mean(name: str, shots: int, parts: Sequence[Outcome] | Sequence[SetScore]) -> SetScore:
    return SetScore(set=name, shots=shots, cldice=mean_of(p.cldice for p in parts), **means_of(parts))


def means_of(parts: Sequence[Any]) -> dict[str, Any]:
    """How many episodes some outcomes or scores are of, and the means of IoU, Dice and seconds over them."""
    figures = ("iou", "dice", "learn_seconds", "seconds")
    count = sum(getattr(p, "episodes", 1) for p in parts)
    return {"episodes": count, **{f: fmean(getattr(p, f) for p in parts) for f in figures}}


def mean_of(figures: Iterable[float | None]) -> float | None:
    """The mean of the figures that are there; None where there is none."""
    there = [f for f in figures if f is not None]
    return fmean(there) if there else None


def _lines(scores: Sequence[SetScore], columns: Mapping[str, str], sets: Sequence[str]) -> list[str]:
    """The head and a line a set; for each of `columns` (heading: attribute) one a number of cues."""
    shots = sorted({s.shots for s in scores})
    cell = {(s.set, s.shots): s for s in scores}
    width = max(map(len, sets))
    lines = [f"{'set':<{width}}" + "".join(f"{f'{what} {n}':>10}" for what in columns for n in shots)]
    for name in sets:
        figures = [getattr(cell.get((name, n)), which, None) for which in columns.values() for n in shots]
        lines.append(f"{name:<{width}}" + "".join(f"{'-' if f is None else f'{f:.3f}':>10}" for f in figures))
    return lines


def as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows of the same keys, at least one, as CSV with a header line. Floats have six decimals; None is a blank."""
    rows = list(rows)
    lines = ([_SixDecimals(v) if isinstance(v, float) else v for v in row.values()] for row in rows)
    return write_row(rows[0]) + "".join(map(write_row, lines))


class _SixDecimals(float):
    """A number that is written with six decimals."""

    def __str__(self) -> str:
        return f"{self:.6f}"
