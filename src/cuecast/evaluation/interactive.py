"""How many clicks a person would need: corrections on the query itself, simulated.

The protocol is that of the literature on interactive segmentation (Sofiiuk, Petrov and Konushin, 'Reviving
iterative training with mask guidance for interactive segmentation', ICIP 2022): each click goes into the middle of
the largest region that is still wrong. Every query is corrected from nothing ('alone', 0 cues), and once more with
the episode's cues shown first ('cued').
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from statistics import fmean, median
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cuecast.core.cluster import Cluster
from cuecast.core.errors import CuecastError, EpisodeError
from cuecast.core.geometry import NEIGHBOURS
from cuecast.core.metrics import dice
from cuecast.core.ordered import Progress, silent
from cuecast.core.values import IGNORE, Example, Image, Marks, Point
from cuecast.evaluation.episodes import Episode
from cuecast.evaluation.evaluate import Listed, as_csv, cue_of, made_by, mean_of, truth_of
from cuecast.evaluation.processes import run_each
from cuecast.io.images import read_image
from cuecast.predictor import Concept, Predictor


def next_click(
    answer: Bools, truth: Bools, ignore: Bools | None = None, made: Sequence[Point] = ()
) -> Point | None:
    """The next correction: in the middle of the largest region that is wrong. None where nothing is.

    answer, truth, ignore (H, W) bool. A region is a component (8-neighbourhood) of the thing that is missing, where the
    click is of class 1, or of background that was marked, where it is of class 0. `ignore` and the pixels of the
    clicks already `made` count as right. The middle is the pixel farthest from the region's border, the edge of the
    image being a border; of several, the one nearest to the region's centroid. Remaining ties: a missing region
    before a marked one, then the first in reading order. The point is the centre of its pixel.
    """
    settled = np.zeros(truth.shape, bool) if ignore is None else ignore.copy()
    for point in made:
        settled[int(point.xy[1]), int(point.xy[0])] = True
    missing, surplus = (_largest(wrong & ~settled) for wrong in (truth & ~answer, answer & ~truth))
    cls = 1 if np.count_nonzero(missing) >= np.count_nonzero(surplus) else 0
    region = missing if cls else surplus
    if not region.any():
        return None
    row, column = _middle(region)
    return Point((column + 0.5, row + 0.5), cls)


def _largest(mask: Bools) -> Bools:
    """The largest component (8-neighbourhood) of a mask (H, W) bool, the first of equals; empty where the mask is."""
    from scipy import ndimage

    components, count = ndimage.label(mask, structure=NEIGHBOURS)
    if not count:
        return mask
    largest: Bools = components == 1 + np.bincount(components.ravel())[1:].argmax()
    return largest


def _middle(region: Bools) -> tuple[int, int]:
    """(row, column) of the pixel of a region (H, W) bool, not empty, that lies farthest from its border."""
    from scipy import ndimage

    rows, columns = np.nonzero(region)
    top, left = rows.min(), columns.min()
    crop = np.pad(region[top : rows.max() + 1, left : columns.max() + 1], 1)
    depth = ndimage.distance_transform_edt(crop)[rows - top + 1, columns - left + 1]
    off_centre = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    best = np.where(depth == depth.max(), off_centre, np.inf).argmin()
    return int(rows[best]), int(columns[best])


Bools = NDArray[np.bool_]

Teach = Callable[[tuple[Point, ...]], Concept]
"""From all clicks made on the query so far, at least one, to the concept they teach."""

FIGURES = (
    "noc_85", "missed_85", "noc_90", "missed_90", "dice_0", "dice_1", "dice_3", "dice_5",
    "seconds_median", "seconds_mean",
)  # fmt: skip
"""What a `ClickScore` measures, in the order of the table."""


@dataclass(frozen=True)
class ClickOutcome:
    """One query, corrected. `dices[k]` is the Dice after k clicks, `seconds[k]` the wall time of click k + 1.

    Both end early where nothing was left to correct. Without cues, `dices[0]` is that of the empty answer, 0.
    """

    id: str
    set: str
    task: str
    shots: int
    dices: tuple[float, ...]
    seconds: tuple[float, ...]

    def clicks_to(self, target: float) -> int | None:
        """The number of clicks after which Dice first is `target` or more; None where it never is."""
        return next((k for k, d in enumerate(self.dices) if d >= target), None)

    def dice_after(self, clicks: int) -> float:
        """Dice after so many clicks, or after the last one that was needed."""
        return self.dices[min(clicks, len(self.dices) - 1)]


@dataclass(frozen=True)
class ClickScore:
    """The means of one set at one number of cues; `set` is 'mean' for the mean over the sets.

    noc_85  clicks until Dice is 0.85 or more; an episode that does not get there counts with all its clicks.
    missed_85  the share of episodes that do not get there. Likewise for 0.90.
    dice_3     Dice after three clicks; None where fewer were allowed, and after none without cues.
    seconds    wall time from a click to the new answer, over all clicks of the set; None where none was needed.
    """

    set: str
    mode: Literal["alone", "cued"]
    shots: int
    episodes: int
    noc_85: float
    missed_85: float
    noc_90: float
    missed_90: float
    dice_0: float | None
    dice_1: float | None
    dice_3: float | None
    dice_5: float | None
    seconds_median: float | None
    seconds_mean: float | None


@dataclass(frozen=True)
class ClickResult(Listed):
    """Outcomes in the order of the episode list, and what made them. `skipped` names the episodes left out."""

    outcomes: tuple[ClickOutcome, ...]
    skipped: tuple[str, ...]
    clicks: int
    pack: str
    pack_digest: str
    commit: str | None
    scale: str
    workers: int
    wall_seconds: float

    def scores(self) -> list[ClickScore]:
        """One line a number of cues and set: by number of cues, then in the order of the list."""
        groups: dict[tuple[int, str], list[ClickOutcome]] = defaultdict(list)
        for o in sorted(self.outcomes, key=lambda o: o.shots):
            groups[o.shots, o.set].append(o)
        return [_score(name, group, self.clicks) for (_, name), group in groups.items()]

    def means(self) -> list[ClickScore]:
        """One line a number of cues: the mean over sets of the means within each set."""
        scores = self.scores()
        return [_mean([s for s in scores if s.shots == n]) for n in sorted({s.shots for s in scores})]

    def episodes_csv(self) -> str:
        """One line an episode and mode, in the order of the list."""
        scores = ((o, asdict(_score(o.set, [o], self.clicks))) for o in self.outcomes)
        return as_csv({"id": o.id, "task": o.task, **score, **self._made()} for o, score in scores)

    def _made(self) -> dict[str, Any]:
        return {"clicks": self.clicks, **super()._made()}

    def as_table(self) -> str:
        """Plain text to read: a block a number of cues, a line a set, the mean over sets last in each."""
        width = max(len(s) for s in ("mean", *(o.set for o in self.outcomes)))
        names = (
            "NoC@85",
            "missed",
            "NoC@90",
            "missed",
            "Dice 0",
            "Dice 1",
            "Dice 3",
            "Dice 5",
            "s median",
            "s mean",
        )
        lines = [f"{'set':<{width}} cues" + "".join(f"{name:>9}" for name in names)]
        scores = self.scores()
        for mean in self.means():
            lines += [_line(s, width) for s in (*(s for s in scores if s.shots == mean.shots), mean)] + [""]
        return "\n".join([*lines, *self._legend()])

    def _legend(self) -> list[str]:
        """What the columns of the table mean, and what made its figures."""
        lines = [
            f"cues 0: the query alone. NoC@85: clicks until Dice is 0.85; {self.clicks} where it never is, and",
            "missed is the share of those. Dice 3: after three clicks. s: seconds from a click to the new answer.",
        ]
        if self.skipped:
            what = "episode skipped: its" if len(self.skipped) == 1 else "episodes skipped: their"
            lines.append(f"{len(self.skipped)} {what} query does not show the thing.")
        return [*lines, self._made_line(len(self.outcomes), "corrections")]


def evaluate_clicks(
    predictor: Predictor,
    episodes: Sequence[Episode],
    root: str | Path,
    progress: Progress = silent,
    *,
    clicks: int = 10,
    workers: int = 1,
    threads: int | None = None,
    cluster: Cluster | None = None,
    scale: str = "frame",
) -> ClickResult:
    """Correct the answer to every query with up to `clicks` clicks: once alone, and once after each cue list.

    A query that several episodes share is corrected alone once. Episodes whose query does not show the thing are
    skipped. `workers`, `threads` and `cluster` are as in `run_each`: the figures are the same, only the seconds differ.

    Raises EpisodeError: fewer than one click, no query that shows the thing, an episode that cannot be run.
    """
    if clicks < 1:
        raise EpisodeError(f"{clicks} clicks: at least one is needed to correct anything; 10 is usual")
    started = time.perf_counter()
    tracks = _tracks(episodes)
    run = partial(run_clicks, clicks=clicks, scale=scale)
    outcomes = run_each(
        predictor,
        tracks,
        root,
        run,
        progress,
        workers=workers,
        threads=threads,
        cluster=cluster,
        what="corrections",
    )
    skipped = [t.id for t, o in zip(tracks, outcomes, strict=True) if o is None and t.cues]
    if len(skipped) == len(episodes):
        raise EpisodeError(
            f"no query of the {len(episodes)} episodes shows the thing, so there is nothing to click on; "
            "choose episodes whose query has a mask"
        )
    return ClickResult(
        outcomes=tuple(o for o in outcomes if o),
        skipped=tuple(skipped),
        clicks=clicks,
        **made_by(predictor, scale, workers, started),
    )


def run_clicks(
    predictor: Predictor, episode: Episode, root: Path, *, clicks: int = 10, scale: str = "frame"
) -> ClickOutcome | None:
    """Correct the answer to the episode's query; without cues, from nothing. None where the truth is empty.

    Raises EpisodeError and names the episode.
    """
    try:
        query = read_image(root / episode.query.image)
        labels = truth_of(episode.query, root, query)
        if not (labels > 0).any():
            return None
        teach, start = _begin(predictor, episode, root, query, scale)
        dices, seconds = correct(teach, query, labels, start, clicks)
    except CuecastError as error:
        raise EpisodeError(f"episode {episode.id}: {error}") from error
    return ClickOutcome(episode.id, episode.set, episode.task, episode.shots, tuple(dices), tuple(seconds))


def correct(
    teach: Teach, query: Image, truth: NDArray[np.int32], start: Bools, clicks: int
) -> tuple[list[float], list[float]]:
    """Click, learn and segment until nothing is wrong or `clicks` are made: (Dice after 0, 1, ... clicks, seconds).

    truth (H, W) int32: 1 on the thing, 0 elsewhere, IGNORE where it does not count. start (H, W) bool: the answer
    before the first click. The seconds are the wall time of learning all clicks so far and of segmenting.
    """
    thing, ignore = truth > 0, truth == IGNORE
    answer = start
    points: tuple[Point, ...] = ()
    dices = [dice(answer, thing, ignore)]
    seconds: list[float] = []
    while len(points) < clicks and (point := next_click(answer, thing, ignore, points)):
        points = (*points, point)
        began = time.perf_counter()
        answer = teach(points).segment(query).mask > 0
        seconds.append(time.perf_counter() - began)
        dices.append(dice(answer, thing, ignore))
    return dices, seconds


def _tracks(episodes: Sequence[Episode]) -> list[Episode]:
    """Each episode, and before the first of each query the same without its cues."""
    tracks: list[Episode] = []
    seen = set()
    for episode in episodes:
        key = episode.set, episode.task, episode.query
        if key not in seen:
            seen.add(key)
            tracks.append(replace(episode, cues=()))
        tracks.append(episode)
    return tracks


def _begin(
    predictor: Predictor, episode: Episode, root: Path, query: Image, scale: str
) -> tuple[Teach, Bools]:
    """How clicks on the query teach, after the episode's cues if it has any, and the (H, W) bool answer before them."""

    def clicked(points: tuple[Point, ...]) -> list[Example]:
        return [Example(query, Marks(query.size, points=points))]

    @cache
    def begun(first: Point) -> Concept:
        return predictor.learn(clicked((first,)), classes=[episode.task], scale=scale)

    def from_nothing(points: tuple[Point, ...]) -> Concept:
        first, *later = points
        return begun(first).add(clicked(tuple(later)), quick=True) if later else begun(first)

    if not episode.cues:
        return from_nothing, np.zeros(query.size, bool)
    shown = predictor.learn([cue_of(c, root) for c in episode.cues], classes=[episode.task], scale=scale)
    return lambda points: shown.add(clicked(points), quick=True), shown.segment(query).mask > 0


def _score(name: str, group: Sequence[ClickOutcome], clicks: int) -> ClickScore:
    """The figures of one set at one number of cues."""
    shots = group[0].shots
    to_85, to_90 = ([o.clicks_to(target) for o in group] for target in (0.85, 0.90))
    seconds = [s for o in group for s in o.seconds]

    def dice_after(k: int) -> float | None:
        return fmean(o.dice_after(k) for o in group) if (k or shots) and k <= clicks else None

    return ClickScore(
        set=name,
        mode="cued" if shots else "alone",
        shots=shots,
        episodes=len(group),
        noc_85=fmean(clicks if k is None else k for k in to_85),
        missed_85=to_85.count(None) / len(group),
        noc_90=fmean(clicks if k is None else k for k in to_90),
        missed_90=to_90.count(None) / len(group),
        dice_0=dice_after(0),
        dice_1=dice_after(1),
        dice_3=dice_after(3),
        dice_5=dice_after(5),
        seconds_median=median(seconds) if seconds else None,
        seconds_mean=mean_of(seconds),
    )


def _mean(scores: Sequence[ClickScore]) -> ClickScore:
    """The mean over sets at one number of cues."""
    figures: dict[str, Any] = {f: mean_of(getattr(s, f) for s in scores) for f in FIGURES}
    return replace(scores[0], set="mean", episodes=sum(s.episodes for s in scores), **figures)


def _line(score: ClickScore, width: int) -> str:
    """One line of the table: counts and shares with two decimals, Dice and seconds with three."""
    figures = [(getattr(score, f), 2 if f.startswith(("noc", "missed")) else 3) for f in FIGURES]
    cells = "".join(f"{'-' if v is None else f'{v:.{digits}f}':>9}" for v, digits in figures)
    return f"{score.set:<{width}}{score.shots:5d}{cells}"
