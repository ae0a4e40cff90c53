"""Which images to mark next: doubtful ones that stand for others, and unlike what is marked already.

Greedy facility location on picture descriptors, weighted by doubt. What is marked covers the images that look like it;
the next suggestion is the image whose marking would newly cover most doubt. (Wei, Iyer and Bilmes, 'Submodularity in
data subset selection and active learning', ICML 2015; the same greedy step with the largest distance in place of
their sum is the core-set of Sener and Savarese, ICLR 2018, which goes for outliers when only a few are marked. Ash et
al., ICLR 2020, show that doubt and variety are needed together.) At most 2 x workers images are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cuecast.core.errors import CuecastError, CueError
from cuecast.core.ordered import Progress, Step, in_order, silent
from cuecast.core.values import Verdict
from cuecast.engine.descriptor import describe, distances
from cuecast.io.images import read_image
from cuecast.predictor import Concept

Floats = NDArray[np.float32]
FLOOR = 0.05
"""Doubt of an image with confidence 1: even a sure answer may be wrong."""
MOST = 2000
"""Of larger pools only the most doubtful images take part: the choice compares each with each."""
UNSURE = 0.75
"""Confidence below which 'unsure' is a reason, whatever the verdict."""


@dataclass(frozen=True)
class Suggestion:
    """An image to mark, and why.

    unlike  distance of its descriptor to the nearest cue's or earlier suggestion's.
    like    how many images of the pool look more like this one than like any cue or other suggestion.
    why     'unsure', 'unlike the cues' (as half of the pool at least), 'stands for N others': those that apply, or
            'not marked yet'.
    """

    rank: int
    image: str
    verdict: Verdict
    confidence: float
    unlike: float
    like: int
    why: tuple[str, ...]


@dataclass(frozen=True)
class Suggestions:
    """What to mark next, best first.

    failures  (image, error) of what could not be read; marked  images that the cues show already.
    """

    suggestions: tuple[Suggestion, ...]
    images: int
    marked: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON takes it."""
        return {
            "suggestions": [asdict(s) for s in self.suggestions],
            "images": self.images,
            "marked": list(self.marked),
            "failures": [{"image": image, "error": error} for image, error in self.failures],
        }

    def as_table(self) -> str:
        """Plain text to read: a line a suggestion."""
        if not self.suggestions:
            return "nothing to suggest: every image is marked, or looks the same as one that is"
        width = max(len("image"), *(len(s.image) for s in self.suggestions))
        lines = [f"rank  {'image':<{width}}  {'verdict':<8}  confidence  why"]
        lines += [
            f"{s.rank:>4}  {s.image:<{width}}  {s.verdict:<8}  {s.confidence:>10.2f}  {', '.join(s.why)}"
            for s in self.suggestions
        ]
        return "\n".join(lines)


def suggest_images(
    concept: Concept,
    paths: Sequence[str | Path],
    count: int = 5,
    workers: int = 1,
    progress: Progress = silent,
) -> Suggestions:
    """The images, at most `count`, whose marking is likely to help most, best first.

    Each image is segmented once; of it only its descriptor and a few numbers are kept. An image that cannot be used is
    named in `failures` and the rest is done. Images that the concept's cues show are left out, and an image that looks
    exactly the same as a marked or suggested one is not suggested, so that there may be fewer than `count`. The result
    does not depend on `workers`. Raises CueError where `count` is below 1.
    """
    if count < 1:
        raise CueError(f"{count} images to suggest: ask for at least one")
    shown = {e.image.digest: describe(e.image.pixels) for e in concept.examples}
    looks: list[_Look] = []
    failures: list[tuple[str, str]] = []
    marked: list[str] = []
    for done, found in enumerate(_looks(concept, paths, workers), start=1):
        if isinstance(found, tuple):
            failures.append(found)
        elif found.digest in shown:
            marked.append(found.image)
        else:
            looks.append(found)
        progress(Step("images", done, len(paths)))
    chosen = _suggested(looks, np.stack(list(shown.values())), count)
    return Suggestions(tuple(chosen), len(paths), tuple(marked), tuple(failures))


def choose(confidence: Floats, pool: Floats, marked: Floats, count: int) -> list[int]:
    """Positions in the pool of at most `count` images to mark next, best first; of equal ones the first.

    confidence (N,) in [0, 1], pool (N, D) and marked (M, D) descriptors. An image is worth its doubt times the doubt
    it would newly cover: the sum over the pool of doubt x the distance saved to the nearest marked one.
    """
    doubt = np.clip(1 - confidence.astype(np.float64), 0, 1) + FLOOR
    between = distances(pool, pool).astype(np.float64)
    far = _nearest(pool, marked)
    picked: list[int] = []
    while len(picked) < count:
        saved = np.clip(far - between, 0, None)  # [candidate, image of the pool]
        worth = doubt * (saved @ doubt) * (far > 0)
        worth[picked] = 0
        if not worth.any():
            break
        best = int(np.argmax(np.round(worth / worth.max(), 6)))
        picked.append(best)
        far = np.minimum(far, between[best])
    return picked


@dataclass(frozen=True, eq=False)
class _Look:
    """What is kept of an image that was segmented: no pixels."""

    image: str
    digest: str
    verdict: Verdict
    confidence: float
    descriptor: Floats


_Failure = tuple[str, str]


def _look(concept: Concept, path: str | Path) -> _Look | _Failure:
    try:
        image = read_image(path)
        prediction = concept.segment(image)
    except (CuecastError, MemoryError) as error:
        reason = str(error) or f"{path}: not enough memory; use a machine with more, or a smaller image"
        return str(path), reason
    descriptor = describe(image.pixels)
    return _Look(str(path), image.digest, prediction.verdict, prediction.confidence, descriptor)


def _looks(concept: Concept, paths: Sequence[str | Path], workers: int) -> Iterator[_Look | _Failure]:
    """One a path, in their order; at most 2 x `workers` images are held."""
    yield from in_order(partial(_look, concept), paths, workers)


def _suggested(looks: Sequence[_Look], marked: Floats, count: int) -> Iterator[Suggestion]:
    """The chosen ones, with the reasons."""
    if not looks:
        return
    order = sorted(range(len(looks)), key=lambda i: (looks[i].confidence, i))
    kept = [looks[i] for i in sorted(order[:MOST])]
    pool = np.stack([look.descriptor for look in kept])
    picked = choose(np.array([look.confidence for look in kept], np.float32), pool, marked, count)
    centres = np.concatenate([marked, pool[picked]])
    belongs = distances(pool, centres).argmin(1) - len(marked)
    to_cues = _nearest(pool, marked)
    for rank, at in enumerate(picked, start=1):
        like = int((belongs == rank - 1).sum()) - 1
        unlike = float(_nearest(pool[at : at + 1], centres[: len(marked) + rank - 1])[0])
        why = _reasons(kept[at], bool(to_cues[at] >= np.median(to_cues)), like)
        look = kept[at]
        yield Suggestion(
            rank, look.image, look.verdict, round(look.confidence, 6), round(unlike, 4), like, why
        )


def _reasons(look: _Look, unlike: bool, like: int) -> tuple[str, ...]:
    """The reasons that apply, at least one."""
    reasons = {
        "unsure": look.verdict == "doubtful" or look.confidence < UNSURE,
        "unlike the cues": unlike,
        f"stands for {like} other{'s' * (like != 1)}": like > 0,
    }
    return tuple(r for r, holds in reasons.items() if holds) or ("not marked yet",)


def _nearest(pool: Floats, marked: Floats) -> NDArray[np.float64]:
    """(N,) distance of each descriptor to the nearest marked one."""
    found: NDArray[np.float64] = distances(pool, marked).min(1).astype(np.float64)
    return found
