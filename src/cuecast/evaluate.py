"""How well a pack does on a fixed list of episodes: per set and mean, by number of cues.

Every episode learns its own concept. The figures do not depend on the number of workers: outcomes are kept in
the order of the list, and the means are taken afterwards.
"""

from __future__ import annotations

import csv
import io
import multiprocessing
import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from cuecast.cues import Cue
from cuecast.errors import CuecastError, EpisodeError
from cuecast.io.episodes import Episode, Shown, find_root, read_episodes, select
from cuecast.io.images import read_image
from cuecast.io.masks import read_mask
from cuecast.metrics import dice, iou
from cuecast.predictor import Predictor, load
from cuecast.types import IGNORE, Verdict

__all__ = [
    "Episode",
    "EvaluationResult",
    "Outcome",
    "SetScore",
    "evaluate",
    "find_root",
    "read_episodes",
    "run_episode",
    "select",
    "source_commit",
]

Progress = Callable[[int, int], None]
"""Called with (episodes done, episodes in all) after each one."""


@dataclass(frozen=True)
class Outcome:
    """What became of one episode. Seconds are wall time; `learn_seconds` reads the cues, too."""

    id: str
    set: str
    task: str
    shots: int
    iou: float
    dice: float
    verdict: Verdict
    confidence: float
    truth_empty: bool
    learn_seconds: float
    seconds: float


@dataclass(frozen=True)
class SetScore:
    """The means of one set at one number of cues; `set` is 'mean' for the mean over the sets."""

    set: str
    shots: int
    episodes: int
    iou: float
    dice: float
    learn_seconds: float
    seconds: float


@dataclass(frozen=True)
class EvaluationResult:
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

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON takes it, the outcome of each episode included."""
        return {
            "pack": self.pack,
            "pack_digest": self.pack_digest,
            "commit": self.commit,
            "scale": self.scale,
            "workers": self.workers,
            "wall_seconds": round(self.wall_seconds, 3),
            "means": [asdict(s) for s in self.means()],
            "sets": [asdict(s) for s in self.scores()],
            "episodes": [asdict(o) for o in self.outcomes],
        }

    def as_csv(self) -> str:
        """One line a set and number of cues, the means over sets last."""
        return _csv([*self.scores(), *self.means()], {"pack": self.pack, "commit": self.commit or ""})

    def episodes_csv(self) -> str:
        """One line an episode, in the order of the list."""
        return _csv(self.outcomes, {"pack": self.pack, "commit": self.commit or ""})

    def as_table(self) -> str:
        """Plain text to read: a line a set, a column a number of cues, the mean over sets last."""
        cell = {(s.set, s.shots): s for s in (*self.scores(), *self.means())}
        sets = [*dict.fromkeys(o.set for o in self.outcomes), "mean"]
        width = max(map(len, sets))
        head = "".join(f"{f'{what} {n}':>9}" for what in ("IoU", "Dice", "s") for n in self.shots)
        lines = [f"{'set':<{width}}{head}"]
        for name in sets:
            found = [cell.get((name, n)) for n in self.shots]
            figures = [f"{s.iou:9.3f}" if s else f"{'-':>9}" for s in found]
            figures += [f"{s.dice:9.3f}" if s else f"{'-':>9}" for s in found]
            figures += [f"{s.seconds:9.3f}" if s else f"{'-':>9}" for s in found]
            lines.append(f"{name:<{width}}{''.join(figures)}")
        lines += [
            "",
            "IoU and Dice by number of cues; s: seconds an image, without learning the cues.",
            f"pack {self.pack} {self.pack_digest[:12]}, commit {self.commit or 'unknown'}, "
            f"scale {self.scale}, {len(self.outcomes)} episodes in {self.wall_seconds:.0f} s, "
            f"{self.workers} at a time",
        ]
        return "\n".join(lines)


def evaluate(
    predictor: Predictor,
    episodes: Sequence[Episode],
    root: str | Path,
    progress: Progress | None = None,
    *,
    workers: int = 1,
    threads: int | None = None,
    scale: str = "frame",
) -> EvaluationResult:
    """Run every episode and measure its answer against the truth.

    workers  processes. With more than one, each loads the predictor's pack from its folder; the figures are
             the same, only the seconds differ.
    threads  CPU threads of an answer in each of these processes; None shares those of the CPU among them.
    scale    as in `Predictor.learn`.

    Raises EpisodeError, which names the episode, where one cannot be run: a mean over a part is not reported.
    """
    root = Path(root)
    started = time.perf_counter()
    outcomes: list[Outcome] = []
    if workers <= 1:
        runs = _in_turn(predictor, episodes, root, scale)
    else:
        share = max(1, (os.cpu_count() or 1) // workers)
        runs = _in_processes(predictor, episodes, root, scale, workers, threads or share)
    for outcome in runs:
        outcomes.append(outcome)
        if progress:
            progress(len(outcomes), len(episodes))
    return EvaluationResult(
        outcomes=tuple(outcomes),
        pack=predictor.pack.name,
        pack_digest=predictor.pack.digest,
        commit=source_commit(),
        scale=scale,
        workers=max(workers, 1),
        wall_seconds=time.perf_counter() - started,
    )


def run_episode(predictor: Predictor, episode: Episode, root: Path, scale: str = "frame") -> Outcome:
    """Learn the episode's cues, answer its query, compare. Raises EpisodeError and names the episode."""
    try:
        started = time.perf_counter()
        cues = [_cue(shown, root) for shown in episode.cues]
        concept = predictor.learn(cues, classes=[episode.task], scale=scale)
        learned = time.perf_counter()
        image = read_image(root / episode.query.image)
        prediction = concept.segment(image)
        truth = _truth(episode.query, root, image)
        answer, ignore = prediction.mask > 0, truth == IGNORE
        return Outcome(
            id=episode.id,
            set=episode.set,
            task=episode.task,
            shots=episode.shots,
            iou=iou(answer, truth > 0, ignore),
            dice=dice(answer, truth > 0, ignore),
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

    def git(*args: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here.parent), *args], capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)  # not merely installed below one
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _cue(shown: Shown, root: Path) -> Cue:
    if shown.mask is None:
        return Cue(root / shown.image, absent=True)
    return Cue(root / shown.image, mask=root / shown.mask, value=shown.value)


def _truth(query: Shown, root: Path, image: Any) -> Any:
    """(H, W) int32: 1 on the thing, 0 elsewhere, IGNORE where it does not count."""
    if query.mask is None:
        return np.zeros(image.size, np.int32)
    return read_mask(root / query.mask, image=image, value=query.value)


def _in_turn(predictor: Predictor, episodes: Sequence[Episode], root: Path, scale: str) -> Iterator[Outcome]:
    for episode in episodes:
        yield run_episode(predictor, episode, root, scale)


def _in_processes(
    predictor: Predictor, episodes: Sequence[Episode], root: Path, scale: str, workers: int, threads: int
) -> Iterator[Outcome]:
    """Outcomes in the order of the list, from `workers` processes that each hold the pack."""
    # spawn, not fork: a forked child inherits the locks of the runtime's threads, but not the threads.
    pool = ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(str(predictor.pack.folder), predictor.pack.digest, threads, str(root), scale),
    )
    try:
        yield from pool.map(_work, episodes)
    except BrokenProcessPool as error:
        raise EpisodeError(
            "a worker process ended early, perhaps for lack of memory or a changed pack; run with --workers 1"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


_worker: tuple[Predictor, Path, str] | None = None
"""What a worker process keeps between episodes; None in every other process."""


def _start_worker(pack: str, digest: str, threads: int, root: str, scale: str) -> None:
    global _worker
    predictor = load(pack, threads=threads)
    if predictor.pack.digest != digest:
        raise EpisodeError(f"pack {pack} changed while it was being evaluated; run again")
    _worker = (predictor, Path(root), scale)


def _work(episode: Episode) -> Outcome:
    assert _worker is not None
    predictor, root, scale = _worker
    return run_episode(predictor, episode, root, scale)


def _mean(name: str, shots: int, parts: Sequence[Outcome] | Sequence[SetScore]) -> SetScore:
    return SetScore(
        set=name,
        shots=shots,
        episodes=sum(p.episodes if isinstance(p, SetScore) else 1 for p in parts),
        iou=fmean(p.iou for p in parts),
        dice=fmean(p.dice for p in parts),
        learn_seconds=fmean(p.learn_seconds for p in parts),
        seconds=fmean(p.seconds for p in parts),
    )


def _csv(records: Sequence[Outcome] | Sequence[SetScore], more: dict[str, str]) -> str:
    """Records of one kind as CSV with a header line; `more` is repeated on each line."""
    rows = [{**asdict(r), **more} for r in records]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: f"{v:.6f}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    return text.getvalue()
