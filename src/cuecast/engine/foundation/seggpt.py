"""SegGPT as itself (Wang et al. 2023, 'SegGPT: Segmenting Everything In Context'), behind our cues.

    learn:  cues --complete--> masks --resize--> prompts: pictures of 448 x 448, each with its mask in white on black
    score:  query --resize--> tiles --model, with all prompts--> a picture of colours --mean--> scores --finish-->

It sees the cues again with every query, so that learning costs nothing and each query all. Several cues are joined as
the paper has it: by feature ensemble (each layer's query is the mean over the cues), or by spatial ensemble (one
picture of all cues). Classes are asked one by one. A picture is pressed into 448 x 448, as in the paper; where the
things in the cues would then be too thin, or keep their size in pixels, it is looked at in tiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from cuecast.core.errors import PackError
from cuecast.core.kept import Kept
from cuecast.core.notes import give_note
from cuecast.core.tiling import Window, blend, windows
from cuecast.core.values import Example, Image, Marks
from cuecast.engine.encoder import kept_maps
from cuecast.engine.foundation.answer import finish
from cuecast.engine.foundation.complete import Completer
from cuecast.engine.foundation.runtime import DEVIATION, MEAN, Network, network, normal
from cuecast.engine.foundation.stated import read_stated
from cuecast.engine.lessons import least_zoom, working_factor, working_scale
from cuecast.engine.refiner import Refiner, resize
from cuecast.engine.segmenter import PackFile, ScoreMaps

Array = NDArray[np.float32]

MOST_PROMPTS = 8
"""Pictures of cues that are seen with each query, at most: time and memory grow with them."""
OVERLAP = 1 / 8
"""Of tiles, as a share of their side."""
CHOICES = {"ensemble": ("feature", "spatial"), "embedding": ("instance", "semantic")}
"""What a card may state under 'preprocessing', the default first: how several cues are joined, and the type of token
that the model is asked with; the paper's own inference asks for 'instance'."""
NUMBERS = {"most": 4.0, "thickness": 6.0}
"""What it may state besides, with the defaults: the largest working side, as a multiple of the model's own, and how
many working pixels a thing is thick from which on the whole picture is pressed into one."""
SCENES = 64 * 2**20
"""Bytes of answers that are kept for the next click on their image."""


class Prompt(NamedTuple):
    """A picture (S, S, 3) uint8 with its mask (S, S) bool, as the model is shown them."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is kept of one class: at which working side, or by which zoom, pictures are looked at; and the prompts."""

    cls: int
    side: float
    zoom: float | None
    prompts: tuple[Prompt, ...]


@dataclass(frozen=True, eq=False)
class SegGptKnowledge:
    """A lesson for each class, in the order given to `learn`."""

    lessons: tuple[Lesson, ...]


@dataclass(frozen=True, eq=False)
class SegGptSegmenter:
    """See the module's docstring. Build it with `from_pack`."""

    network: Network
    completer: Completer
    preprocessing: Mapping[str, Any]
    scenes: Kept[Any] = field(default_factory=lambda: kept_maps(SCENES), repr=False)

    encoder = None

    @classmethod
    def from_pack(
        cls, files: Mapping[str, PackFile], numbers: Mapping[str, Any], threads: int | None = None
    ) -> SegGptSegmenter:
        """Load the weights that the card names. Raises PackError, MissingExtraError, InputError."""
        stated = read_choices(numbers.get("preprocessing", {}))
        loaded = network(files, "seggpt", threads)
        height, side = loaded.config.image_size
        if height != 2 * side:
            raise PackError(
                f"image_size is {height} x {side}: twice as high as wide is expected", "config.json"
            )
        stated |= {"side": side, "most": stated["most"] * side}
        return cls(loaded, Completer(threads), stated)

    @property
    def side(self) -> int:
        """Of the pictures that the model sees, in pixels."""
        return int(self.preprocessing["side"])

    def zoom(self, knowledge: SegGptKnowledge) -> float:
        """See `Segmenter.zoom`."""
        return least_zoom(lesson.zoom for lesson in knowledge.lessons)

    def learn(
        self,
        examples: Sequence[Example],
        class_ids: Sequence[int],
        scale: str,
        before: SegGptKnowledge | None = None,
    ) -> SegGptKnowledge:
        """Make masks of sparse marks, and prompts of all that shows a class."""
        known = {lesson.cls: lesson for lesson in before.lessons} if before else {}
        complete = self.completer.complete(examples, class_ids, scale)
        lessons = []
        for cls in class_ids:
            if cls in known:
                side, zoom = known[cls].side, known[cls].zoom
            else:
                side, zoom = working_scale(examples, cls, scale, self.preprocessing)
            lessons.append(Lesson(cls, side, zoom, self._prompts(complete, cls, side, zoom)))
        return SegGptKnowledge(tuple(lessons))

    def score(self, knowledge: SegGptKnowledge, image: Image, own: Sequence[Marks] = ()) -> ScoreMaps:
        """See `Segmenter.score`."""
        refiner = Refiner(image.pixels)
        planes = [
            finish(self._plane(each, image), each.cls, image, own, refiner) for each in knowledge.lessons
        ]
        return ScoreMaps(np.stack(planes), tuple({} for _ in planes))

    def forget(self) -> None:
        """See `Segmenter.forget`."""
        self.scenes.clear()

    def _plane(self, lesson: Lesson, image: Image) -> Array:
        """Scores (h, w) of a class on the image at its working size; kept for the next click."""

        def compute() -> Array:
            frame = self._frame(image, lesson.side, lesson.zoom)
            joined = (
                spatial(lesson.prompts) if self.preprocessing["ensemble"] == "spatial" else lesson.prompts
            )

            def here(window: Window) -> Array:
                answer = ask(
                    self.network, self._padded(frame, window), joined, self.preprocessing["embedding"]
                )
                return answer[None, : window.bottom - window.top, : window.right - window.left]

            whole: Array = blend(frame.shape[:2], 1, *self._tiles, here)[0]
            return whole

        plane: Array = self.scenes.get((lesson, image.digest), compute)
        return plane

    def _prompts(
        self, examples: Sequence[Example], cls: int, side: float, zoom: float | None
    ) -> tuple[Prompt, ...]:
        """The tiles of cues that show a class, those that show most of it first, of each cue one before the next."""
        found: list[tuple[int, int, Prompt]] = []
        for number, example in enumerate(examples):
            mask = example.marks.mask
            if mask is None or not (mask == cls).any():
                continue
            frame = self._frame(example.image, side, zoom)
            thing = _nearest(mask == cls, frame.shape[:2])
            if not thing.any():  # thinner than a pixel of the frame: every pixel that it touches
                thing = resize((mask == cls).astype(np.float32), frame.shape[:2]) > 0
            shown = [
                Prompt(self._padded(frame, w), self._padded(thing, w))
                for w in windows(frame.shape[:2], *self._tiles)
                if thing[w.slices].any()
            ]
            shown.sort(key=lambda prompt: -int(prompt.mask.sum()))
            found += [(rank, number, prompt) for rank, prompt in enumerate(shown)]
        cues = len({number for _, number, _ in found})
        if cues > MOST_PROMPTS:
            give_note(
                f"class {cls}: {cues} cues show it, and SegGPT looks at the first {MOST_PROMPTS} with each image"
            )
        return tuple(prompt for *_, prompt in sorted(found, key=lambda f: f[:2])[:MOST_PROMPTS])

    @property
    def _tiles(self) -> tuple[int, int]:
        """Tile and overlap: a tile that is widened by a remainder is still no larger than what the model sees."""
        overlap = int(self.side * OVERLAP)
        return self.side - overlap, overlap

    def _frame(self, image: Image, side: float, zoom: float | None) -> NDArray[np.uint8]:
        """The image as it is looked at: pressed into what the model sees, or in its own proportions."""
        if zoom is None and side == self.side:
            size = (self.side, self.side)
        else:
            factor = working_factor(image.size, side, zoom)
            h, w = (max(1, round(n * factor)) for n in image.size)
            size = (h, w)
        return bicubic(image.pixels, size)

    def _padded(self, values: NDArray[Any], window: Window) -> NDArray[Any]:
        """A tile (h, w, ...) as large as what the model sees; its border goes on in what is missing."""
        tile = values[window.slices]
        missing = [(0, self.side - n) for n in tile.shape[:2]]
        return np.pad(tile, [*missing, *[(0, 0)] * (tile.ndim - 2)], mode="edge")


def ask(
    net: Network, query: NDArray[np.uint8], prompts: Sequence[Prompt], embedding: str = "instance"
) -> Array:
    """Scores (S, S) in [0, 1] of a picture (S, S, 3) uint8, by the prompts: the mean of the colours that the model
    paints, black being 0 and white 1. The half is where transformers' own decision between the two lies."""
    side = len(query)
    with net.running() as model:
        painted = model(
            pixel_values=net.tensor(normal(query)[None].repeat(len(prompts), 0)),
            prompt_pixel_values=net.tensor(np.stack([normal(p.pixels) for p in prompts])),
            prompt_masks=net.tensor(np.stack([normal(white(p.mask)) for p in prompts])),
            feature_ensemble=len(prompts) > 1,
            embedding_type=embedding,
        ).pred_masks[0, :, side:]
        found = net.array(painted)
    colours = found.transpose(1, 2, 0) * DEVIATION + MEAN
    scores: Array = colours.clip(0, 1).mean(2)
    return scores


def spatial(prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """All prompts as one: side by side in n x n, the first ones again where some are missing, and made smaller."""
    count = int(np.ceil(len(prompts) ** 0.5))
    if count < 2:
        return tuple(prompts)
    rows = [[prompts[(r * count + c) % len(prompts)] for c in range(count)] for r in range(count)]
    pixels, mask = (
        np.concatenate([np.concatenate([getattr(p, name) for p in row], 1) for row in rows])
        for name in Prompt._fields
    )
    size = prompts[0].mask.shape
    return (Prompt(bicubic(pixels, size), _nearest(mask, size)),)


def white(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A mask (h, w) as the picture (h, w, 3) that it is shown as: white on black."""
    return np.where(mask, np.uint8(255), np.uint8(0))[..., None].repeat(3, 2)


def read_choices(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a card states under 'preprocessing', with the defaults of what it does not. Raises PackError."""
    return read_stated(given, NUMBERS, CHOICES)


def bicubic(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Pixels (h, w, 3) uint8 at `size`, as the paper's inference resizes pictures."""
    return np.asarray(PILImage.fromarray(pixels).resize(size[::-1], PILImage.Resampling.BICUBIC))


def _nearest(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask (h, w) at `size`, as the paper's inference resizes masks."""
    resized = PILImage.fromarray(mask.astype(np.uint8)).resize(size[::-1], PILImage.Resampling.NEAREST)
    return np.asarray(resized).astype(bool)
