"""What a benchmark gives: figures of answers, their means by baseline, set and number of cues, as table and JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cuecast.evaluation.baselines import CueKind
from cuecast.evaluation.evaluate import means_of


@dataclass(frozen=True)
class Published:
    """A figure that others published of their own method, on pictures like ours: quoted, not measured here.

    `dice` in [0, 1]; `parameters` in millions.
    """

    method: str
    data: str
    shots: int
    dice: float
    parameters: float
    source: str


PUBLISHED = (
    Published(
        method="UniverSeg",
        data="WBC (white blood cells, held out)",
        shots=64,
        dice=0.91,
        parameters=1.18,
        source="Butoi et al., UniverSeg: Universal Medical Image Segmentation, ICCV 2023, arXiv:2304.06131",
    ),
)
"""Other pictures, other cues, another working size than in our rows: never to be subtracted from them."""


KIND, VERSION = "bench", 1
"""What `kind` and `version` in the JSON say."""


@dataclass(frozen=True)
class Measured:
    """One baseline's answer to one episode. Seconds are wall time with all pictures already read.

    `shots` is 1 for boxes on the query.
    """

    baseline: str
    id: str
    set: str
    task: str
    shots: int
    iou: float
    dice: float
    learn_seconds: float
    seconds: float


@dataclass(frozen=True)
class Score:
    """The means of one baseline on one set at one number of cues; `set` is 'mean' for the mean over the sets."""

    baseline: str
    set: str
    shots: int
    episodes: int
    iou: float
    dice: float
    learn_seconds: float
    seconds: float


@dataclass(frozen=True)
class Method:
    """A baseline as it was run."""

    baseline: str
    title: str
    cues: CueKind
    settings: dict[str, Any]


@dataclass(frozen=True)
class BenchResult:
    """Answers in the order of the episode list, baselines in that of the table; and what made them."""

    answers: tuple[Measured, ...]
    methods: tuple[Method, ...]
    episodes: dict[str, Any]
    machine: dict[str, Any]
    pack: str
    pack_digest: str
    commit: str | None
    workers: int
    threads: int | None
    wall_seconds: float

    def scores(self, baseline: str) -> list[Score]:
        """One line a set and number of cues, in the order of the list."""
        groups: dict[tuple[str, int], list[Measured]] = defaultdict(list)
        for a in self.answers:
            if a.baseline == baseline:
                groups[a.set, a.shots].append(a)
        return [_mean(baseline, name, shots, group) for (name, shots), group in groups.items()]

    def means(self, baseline: str) -> list[Score]:
        """One line a number of cues, ascending: the mean over sets of the means within each set."""
        scores = self.scores(baseline)
        shots = sorted({s.shots for s in scores})
        return [_mean(baseline, "mean", n, [s for s in scores if s.shots == n]) for n in shots]

    def as_dict(self) -> dict[str, Any]:
        """Everything but the single answers, as JSON takes it."""
        return {
            "kind": KIND,
            "version": VERSION,
            "episodes": self.episodes,
            "machine": self.machine,
            "commit": self.commit,
            "pack": self.pack,
            "pack_digest": self.pack_digest,
            "workers": self.workers,
            "threads": self.threads,
            "wall_seconds": round(self.wall_seconds, 1),
            "baselines": [
                {
                    **asdict(m),
                    "means": [_rounded(s) for s in self.means(m.baseline)],
                    "sets": [_rounded(s) for s in self.scores(m.baseline)],
                }
                for m in self.methods
            ],
            "published": [asdict(p) for p in PUBLISHED],
        }

    def as_table(self) -> str:
        """Plain text to read: the means of every baseline, IoU by set, and the published figures apart from them."""
        lines: list[str] = []
        for kind in dict.fromkeys(m.cues for m in self.methods):
            baselines = [m.baseline for m in self.methods if m.cues == kind]
            lines += [f"cues: {kind}", *self._mean_lines(baselines), "", *self._set_lines(baselines), ""]
        lines += ["published, not measured here:"]
        lines += [
            f"{p.method} ({p.parameters} M parameters): Dice {p.dice:.2f} on {p.data}, {p.shots} cues; {p.source}"
            for p in PUBLISHED
        ]
        return "\n".join([*lines, "", self._footer()])

    def _mean_lines(self, baselines: Sequence[str]) -> list[str]:
        width = max(map(len, baselines))
        columns = ("cues", "IoU", "Dice", "learn s", "s/image", "episodes")
        rows = [
            f"{s.baseline:<{width}}{s.shots:>9}{s.iou:9.3f}{s.dice:9.3f}{s.learn_seconds:9.3f}{s.seconds:9.3f}{s.episodes:>9}"
            for baseline in baselines
            for s in self.means(baseline)
        ]
        return [f"{'mean':<{width}}" + "".join(f"{c:>9}" for c in columns), *rows]

    def _set_lines(self, baselines: Sequence[str]) -> list[str]:
        """IoU: a line a set, a column a number of cues and baseline."""
        cell = {(s.set, s.shots, s.baseline): s.iou for p in baselines for s in self.scores(p)}
        columns = [(n, p) for n in sorted({n for _, n, _ in cell}) for p in baselines]
        heads = [f"{p} {n}" for n, p in columns]
        sets = list(dict.fromkeys(name for name, _, _ in cell))
        width = max(map(len, ["IoU by set", *sets]))
        lines = [f"{'IoU by set':<{width}}" + "".join(f"  {h}" for h in heads)]
        for name in sets:
            found = [cell.get((name, *c)) for c in columns]
            figures = [
                f"{'-' if v is None else f'{v:.3f}':>{len(h) + 2}}" for h, v in zip(heads, found, strict=True)
            ]
            lines.append(f"{name:<{width}}{''.join(figures)}")
        return lines

    def _footer(self) -> str:
        return (
            f"pack {self.pack} {self.pack_digest[:12]}, commit {self.commit or 'unknown'}, "
            f"{self.episodes['count']} episodes in {self.wall_seconds:.0f} s, {self.workers} at a time; "
            f"{self.machine['cpu']}, {self.machine['cores']} cores"
        )


def _mean(baseline: str, name: str, shots: int, parts: Sequence[Measured] | Sequence[Score]) -> Score:
    return Score(baseline=baseline, set=name, shots=shots, **means_of(parts))


def _rounded(score: Score) -> dict[str, Any]:
    """A score as JSON takes it, without its baseline; four decimals."""
    fields = {k: v for k, v in asdict(score).items() if k != "baseline"}
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in fields.items()}
