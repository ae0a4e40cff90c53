"""What a check of cues found, as values, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from cuecast.cue_quality.agreement import Agreement

FlagKind = Literal["shifted", "inverted", "class", "border", "magnification", "harmful"]

ENOUGH = 0.02
"""A gain in mean IoU from half of the cues to all of them from which more cues are expected to help."""
GOOD = 0.9
"""Mean leave-one-out IoU from which there is little left to gain."""
NO_FLAG = "no cue is suspected to hurt"


@dataclass(frozen=True)
class CueScore:
    """One complete cue: the IoU in [0, 1] that the concept of all other cues reaches on it.

    number   of the cue among all, from 1.
    iou      mean over its classes; None where the others show none of them.
    classes  class name -> IoU; None where the cue does not hold the class or the others do not show it.
    """

    number: int
    image: str
    iou: float | None
    classes: Mapping[str, float | None]


@dataclass(frozen=True)
class CueFlag:
    """A cue that hurts: why it is thought so, and what to do. `facts` are the figures behind it, by name."""

    number: int
    image: str
    kind: FlagKind
    reason: str
    remedy: str
    facts: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"cue {self.number} ({self.image}): {self.reason}; {self.remedy}"


@dataclass(frozen=True)
class CurvePoint:
    """Mean IoU on left-out cues where `cues` complete cues teach; the same cues are asked at every point."""

    cues: int
    iou: float
    trials: int


@dataclass(frozen=True)
class CueCheck:
    """What leave-one-out says of the cues of a concept.

    scores      one a complete cue, in the order of the cues.
    flags       cues that hurt; empty where none is suspected.
    agreements  whether each complete cue agrees with the others, flagged or not; empty where there are two.
    curve       mean IoU against the number of cues.
    more_helps  whether more cues are likely to help; None where too few are there to say.
    advice      the same in words.
    answers     predictions that were made: what the check cost.
    """

    scores: tuple[CueScore, ...]
    flags: tuple[CueFlag, ...]
    agreements: tuple[Agreement, ...]
    curve: tuple[CurvePoint, ...]
    more_helps: bool | None
    advice: str
    answers: int

    @property
    def iou(self) -> float | None:
        """Mean leave-one-out IoU over the cues; None where none could be predicted."""
        known = [s.iou for s in self.scores if s.iou is not None]
        return sum(known) / len(known) if known else None

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON takes it."""
        return {
            "iou": self.iou,
            "cues": [asdict(s) for s in self.scores],
            "flags": [asdict(f) for f in self.flags],
            "agreements": [asdict(a) for a in self.agreements],
            "curve": [asdict(p) for p in self.curve],
            "more_helps": self.more_helps,
            "advice": self.advice,
            "answers": self.answers,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> CueCheck:
        """What `as_dict` gave. Raises KeyError or TypeError where a part is missing or unknown."""
        return cls(
            scores=tuple(CueScore(**s) for s in record["cues"]),
            flags=tuple(CueFlag(**f) for f in record["flags"]),
            agreements=tuple(Agreement(**a) for a in record["agreements"]),
            curve=tuple(CurvePoint(**p) for p in record["curve"]),
            more_helps=record["more_helps"],
            advice=record["advice"],
            answers=record["answers"],
        )

    def as_table(self) -> str:
        """Plain text to read: a line a cue, the mean, the flags, the curve and what it says."""
        flagged = {f.number: f.kind for f in reversed(self.flags)}
        names = list(dict.fromkeys(n for s in self.scores for n in s.classes))
        shown = names if len(names) > 1 else []
        width = max([len("image"), *(len(s.image) for s in self.scores)])
        lines = [f"cue  {'image':<{width}}  {'IoU':>5}" + "".join(f"  {n:>5}" for n in shown)]
        for s in self.scores:
            cells = [_cell(s.iou, 5), *(_cell(s.classes.get(n), max(5, len(n))) for n in shown)]
            line = f"{s.number:>3}  {s.image:<{width}}  {'  '.join(cells)}"
            lines.append(f"{line}  {flagged[s.number]}" if s.number in flagged else line)
        lines += [f"     {'mean':<{width}}  {_cell(self.iou, 5)}", ""]
        lines += [f"{f.kind}: {f}" for f in self.flags] or [NO_FLAG]
        if len(self.curve) > 1:
            lines.append("IoU by number of cues: " + ", ".join(f"{p.cues}: {p.iou:.3f}" for p in self.curve))
        return "\n".join([*lines, self.advice])


def advise(curve: Sequence[CurvePoint], flagged: bool) -> tuple[bool | None, str]:
    """(whether more cues are likely to help, the sentence that says so), from the end of the curve."""
    mend = "mend or take out what is flagged and check again; " if flagged else ""
    if len(curve) < 2:
        return None, f"{mend}whether more cues would help is known from three complete cues on"
    last = curve[-1]
    before = next((p for p in reversed(curve[:-1]) if 2 * p.cues <= last.cues), curve[0])
    gain = last.iou - before.iou
    step = f"from {before.cues} to {last.cues} cue{'s' * (last.cues > 1)} the IoU went {gain:+.3f} to {last.iou:.3f}"
    if gain >= ENOUGH and last.iou < 0.99:
        return True, f"{mend}more cues are likely to help: {step}"
    if last.iou >= GOOD:
        return False, f"{mend}more cues are not needed: {step}"
    return False, (
        f"{mend}more cues of this kind are unlikely to help much: {step}; "
        "mark images of another kind ('cuecast suggest' names them)"
    )


def _cell(value: float | None, width: int) -> str:
    return f"{'-' if value is None else f'{value:.3f}':>{width}}"
