"""Fitting the decoder of a pack to a sector's pictures, everything below it as it is.

    lessons  some pictures are cues, others are asked: the engine learns and says what its decoder reads of them, once
    fit      the decoder alone is trained on these maps, in torch

The encoder, the closed-form heads and the forest are those that answer later, so what the decoder learns is to read
them for this kind of picture. Nothing of it depends on what a class is called: cues go on saying what is looked for.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from cuecast.core.errors import InputError
from cuecast.core.tiling import Window
from cuecast.core.values import IGNORE, Example, Image, Marks
from cuecast.engine.encoder import View
from cuecast.engine.lessons import Lesson
from cuecast.engine.matching import Decoded, MatchingSegmenter
from cuecast.engine.refiner import resize
from cuecast.io.images import read_image
from cuecast.training.loop import Muon, half, mask_losses, read_checkpoint, split_kernels, write_checkpoint
from cuecast.training.onnx_module import OnnxModule
from cuecast.training.refine_data import Data, Shown, only_classes
from cuecast.training.torchrun import join

Array = NDArray[np.float32]
T = TypeVar("T")
Maps = dict[str, NDArray[np.float16]]
Drawing = Callable[[np.random.Generator, int], tuple[NDArray[np.uint8], NDArray[np.int32]]]
"""Draws so many pictures of one kind (N, H, W, 3), and which class is where (N, H, W), IGNORE where it is not known."""

SHARES = (0.25, 0.5, 1.0)
"""Parts of the teaching pictures that the curve is made of."""
SHARES_CHANCE = (0.2, 0.25, 0.55)
"""Of the lessons, how many are drawn from each part: a smaller one's serve the larger ones, too."""
SMALLEST_PART = 4
"""Teaching pictures from which on a part is worth a point of the curve."""
SHOTS = (1, 2, 3, 5, 8, 12)
SHOTS_CHANCE = (0.3, 0.15, 0.1, 0.2, 0.125, 0.125)
ASKED, OF_LESSON = 8, 24
"""Pictures that are asked in a lesson, and samples that are kept of it, at most: learning is dearer than answering, but
what one lesson says is alike."""
CROP = 256
"""Side of what is kept of an answer, in working pixels."""
LARGEST = 60000.0
"""Float16 holds no more."""
MOST_SAMPLES = 2000
"""Samples are kept on the disk as float16, at some 1.2 MB each, and read when their turn comes."""
BATCH = 8
RATE, WEIGHT_DECAY = 1.5e-3, 0.02
"""Of Muon for kernels, and the rate of AdamW (Loshchilov and Hutter 2019) for the rest: rising for `WARMUP` steps,
falling to zero over the last `DECAY` of them."""
WARMUP, DECAY = 20, 0.6
WAY = 0.7
"""Share of the way from the base's weights to those fitted that is gone: few pictures teach too much
(Wortsman et al. 2022, 'Robust fine-tuning of zero-shot models'; docs/decisions/0031-refining-the-decoder.md)."""
EPOCHS = 20
"""How often each sample is seen, at most."""
FEWEST_STEPS = 60
TIMED = 10
"""Steps that are timed before the number of all is settled."""
SAVE_EVERY = 20.0
"""Seconds between two checkpoints."""
PRESENCE, DEPTH = 0.2, 0.05
"""Weights of what is said of the thing being anywhere, and of how far what is said of depths moves: nothing here tells
objects apart."""
TOGETHER = 3
"""Classes of a lesson, at most: what is looked at twice is one or two (`cuecast.engine.matching.FEW_CLASSES`)."""
LACKING = 3
"""Of so many pictures that are asked and show the thing, one more lacks it."""
SHOWING = 0.8
"""Chance that the crop of a picture with the thing is one that shows it."""
GRID = 32
"""Crops begin at multiples of so many working pixels."""
APART, NEAREST, MOST_OF_IT, TRIES = 0.5, 0.6, 0.7, 8
"""Chance that each picture of a lesson is seen from another place and in another light, where there are lessons
beside: pictures of a set are more alike than those that a pack of several is used on. The least share of its sides that
is left, the least of the thing, and how often a part is drawn until it holds that much; else it is the whole."""
FLIPPED, COLOURED = 0.25, 0.5
"""Chance that a lesson's pictures are mirrored (down: half of it), and that their colours are moved a little."""


@dataclass(frozen=True)
class Beside:
    """What keeps a pack of several kinds of pictures from forgetting what its base knows of others.

    draw   draws pictures for lessons that are not of the data. They do not judge.
    share  of the lessons that are such.
    """

    draw: Drawing
    share: float = 0.5


@dataclass(frozen=True, eq=False)
class Sample:
    """One class of one picture that was asked.

    maps    what the decoder reads, by name, cropped to CROP working pixels; float16
    target  share of each pixel that is the thing, known: share that is known; (CROP, CROP) float16
    share   rest (CROP / 2, CROP / 2) float16: the answer is the decoder's logits times this, and the rest
    part    the index in `SHARES` of the smallest part of the data that all its pictures are in
    """

    maps: Maps
    target: NDArray[np.float16]
    known: NDArray[np.float16]
    share: float
    rest: NDArray[np.float16]
    part: int


def draw_lesson(
    segmenter: MatchingSegmenter, data: Data, number: int, beside: Beside | None = None
) -> list[Sample]:
    """The samples of lesson `number`; the same for the same data and pack. Some may be `beside` the data.

    A class is shown as people show it: on cues that hold it, where others hold it, too; now and then another lacks it.
    """
    rng = np.random.default_rng((number, int(data.digest, 16)))
    part = int(rng.choice(len(SHARES), p=SHARES_CHANCE))
    if beside and rng.random() < beside.share:
        return draw_beside(segmenter, beside.draw, rng, part)
    pool = [p for p in data.part(SHARES[part]) if p.example.marks.mask is not None]
    # Sources teach alike, however many pictures each has; what one marks, another may show without marking it.
    holding = {
        place: _holding([p for p in pool if p.place == place], data) for place in {p.place for p in pool}
    }
    places = sorted(place for place, held in holding.items() if held)
    if not places:
        return []  # the part may hold nothing but pictures without the thing
    place = places[int(rng.integers(len(places)))]
    held = holding[place]
    main = int(rng.choice(sorted(held)))
    shots = min(int(rng.choice(SHOTS, p=SHOTS_CHANCE)), len(held[main]) - 1)
    cues = [held[main][i] for i in rng.permutation(len(held[main]))[:shots]]
    # A picture that lies beside a cue's in everything but the thing would teach to look for its twin.
    groups = {c.group for c in cues}
    rest = [p for p in pool if p.place == place and p.group not in groups]
    rest = [rest[i] for i in rng.permutation(len(rest))]
    asked = [p for p in rest if p.shows(main)][:ASKED]
    asked += [p for p in rest if p.lacks(main)][: max(1, len(asked) // LACKING)]
    others = [c for c in sorted(held) if c != main and any(p.shows(c) for p in cues)]
    chance = APART if beside else 0.0
    classes, shown, queries = seen_alike(rng, main, others, (cues, asked), only_classes, chance)
    return taught(segmenter, shown, queries, classes, rng, part)


def seen_alike(
    rng: np.random.Generator,
    main: int,
    others: Sequence[int],
    sides: tuple[Sequence[T], Sequence[T]],
    example: Callable[[T, Sequence[int]], Example],
    apart: float,
) -> tuple[list[int], list[Example], list[Example]]:
    """The classes of a lesson, `main` first and some of the `others`, then cues and pictures that are asked, `sides`,
    as they are shown: all changed alike, and with the chance `apart` each seen from another place, too.

    example  gives a picture with the marks of some classes.
    """
    classes = [main, *rng.permutation(others)[: int(rng.integers(TOGETHER))].tolist()]
    change = draw_change(rng)
    moved = apart > 0 and rng.random() < apart
    cues, asked = ([change(example(p, classes)) for p in side] for side in sides)
    if moved:
        cues, asked = ([seen_otherwise(rng, e, main) for e in side] for side in (cues, asked))
    return classes, cues, asked


def _holding(pool: Sequence[Shown], data: Data) -> dict[int, list[Shown]]:
    """Class -> pictures that show it, of the classes that two groups show."""
    held = {i.id: [p for p in pool if p.shows(i.id)] for i in data.classes}
    return {c: own for c, own in held.items() if len({p.group for p in own}) > 1}


def draw_beside(
    segmenter: MatchingSegmenter,
    draw: Drawing,
    rng: np.random.Generator,
    part: int,
    asked: int = ASKED,
    most: int = OF_LESSON,
) -> list[Sample]:
    """The samples, `most` at most, of a lesson that is not of the data and asks so many pictures. They serve part
    `part` of it, so that each has its share."""
    shots = int(rng.choice(SHOTS, p=SHOTS_CHANCE))
    examples = [example_of(*pair) for pair in zip(*draw(rng, shots + asked), strict=True)]
    cues = [e for e in examples if not e.marks.absent][:shots]
    queries = [e for e in examples if e not in cues]
    shown = sorted({c for e in cues for c in e.marks.class_ids if c})
    classes = rng.permutation(shown)[: int(rng.integers(TOGETHER)) + 1].tolist()
    return taught(segmenter, cues, queries, classes, rng, part, most) if cues else []


def taught(
    segmenter: MatchingSegmenter,
    cues: Sequence[Example],
    asked: Sequence[Example],
    classes: Sequence[int],
    rng: np.random.Generator,
    part: int,
    most: int = OF_LESSON,
) -> list[Sample]:
    """What is said of the pictures that are asked, in each look at them: `most` samples of it, at most."""
    knowledge = segmenter.learn(cues, classes, "frame")
    samples = []
    for example in asked:
        for lesson in knowledge.lessons:
            view = segmenter.viewer.view(example.image, lesson.side, lesson.zoom)
            for look in segmenter.looks(lesson, view):
                samples += _ask(segmenter, look, view, example, rng, part)
    return [samples[i] for i in sorted(rng.permutation(len(samples))[:most])]


def draw_change(rng: np.random.Generator) -> Callable[[Example], Example]:
    """What happens to all pictures of a lesson alike: another camera, another side."""
    across, down = rng.random() < FLIPPED, rng.random() < FLIPPED / 2
    gain = np.exp(rng.normal(0, 0.12, 3)) if rng.random() < COLOURED else np.ones(3)
    if not (across or down or (gain != 1).any()):
        return lambda example: example

    def change(example: Example) -> Example:
        pixels, mask = example.image.pixels, example.marks.mask
        assert mask is not None
        pixels = np.clip(pixels * gain, 0, 255).round().astype(np.uint8)
        turned = np.s_[:: -1 if down else 1, :: -1 if across else 1]
        image: Image = read_image(np.ascontiguousarray(pixels[turned]))
        return Example(image, replace(example.marks, mask=np.ascontiguousarray(mask[turned]), objects=None))

    return change


def seen_otherwise(rng: np.random.Generator, example: Example, main: int) -> Example:
    """A picture from nearer, in another light: a part of it that holds most of class `main`, where it has any."""
    mask = example.marks.mask
    assert mask is not None
    pixels = example.image.pixels / 255
    pixels = pixels ** np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.1, 3))
    pixels = np.clip(pixels * 255, 0, 255).round().astype(np.uint8)
    window: tuple[slice, ...] = (slice(None), slice(None))
    for _ in range(TRIES):
        spans = []
        for length in mask.shape:
            part = round(length * np.exp(rng.uniform(np.log(NEAREST), 0)))
            start = int(rng.integers(length - part + 1))
            spans.append(slice(start, start + part))
        if (mask[tuple(spans)] == main).sum() >= MOST_OF_IT * (mask == main).sum():
            window = tuple(spans)
            break
    return example_of(pixels[window], mask[window])


def example_of(pixels: NDArray[np.uint8], mask: NDArray[np.int32]) -> Example:
    """A picture (H, W, 3) with its mask (H, W); one that marks nothing says that nothing is there."""
    mask = np.ascontiguousarray(mask)
    marks = Marks(mask.shape, mask, absent=not (mask > 0).any())
    return Example(read_image(np.ascontiguousarray(pixels)), marks)


def _ask(
    segmenter: MatchingSegmenter,
    lesson: Lesson,
    view: View,
    example: Example,
    rng: np.random.Generator,
    part: int,
) -> list[Sample]:
    """A sample of each class of a lesson: a crop of one tile, mostly one that shows the thing."""
    mask = example.marks.mask
    assert mask is not None
    known = resize((mask != IGNORE).astype(np.float32), view.frame.shape[:2])
    tiles = list(view.windows())
    read: dict[Window, Decoded] = {}
    samples = []
    for k, cls in enumerate(lesson.classes):
        thing = resize((mask == cls).astype(np.float32), view.frame.shape[:2])
        places = np.argwhere(thing >= 0.5)
        at = places[rng.integers(len(places))] if len(places) and rng.random() < SHOWING else None
        near = [t for t in tiles if at is None or (t.top <= at[0] < t.bottom and t.left <= at[1] < t.right)]
        tile = near[int(rng.integers(len(near)))]
        if tile not in read:
            read[tile] = segmenter.decoded(lesson, view, tile)
        maps, share, rest = read[tile]
        padded = [view.pad(plane[tile.slices]) for plane in (thing, known)]
        top, left = (
            _corner(rng, n, None if at is None else int(at[i]) - (tile.top, tile.left)[i])
            for i, n in enumerate(padded[0].shape)
        )
        height = padded[0].shape[0]
        own = {name: m[k] if len(m) > 1 else m[0] for name, m in maps.items()}
        window = Window(top, top + CROP, left, left + CROP)
        cropped = {
            name: _crop(m, height // m.shape[-2], window) if m.ndim == 3 else m.astype(np.float16)
            for name, m in own.items()
        }
        target, seen = (_crop(p[None], 1, window)[0] for p in padded)
        beside = _crop(rest[k : k + 1], 2, window)[0]
        samples.append(Sample(cropped, target, seen, float(share[k]), beside, part))
    return samples


def _corner(rng: np.random.Generator, length: int, at: int | None) -> int:
    """Where a crop of a side of that length begins, on the grid of the coarsest maps; it holds the pixel `at`."""
    first, last = 0, max(0, length - CROP) // GRID
    if at is not None:
        first = min(last, max(0, -(-(at - CROP + 1) // GRID)))
        last = min(last, at // GRID)
    return int(rng.integers(first, last + 1)) * GRID


def _crop(maps: Array, stride: int, window: Window) -> NDArray[np.float16]:
    """A part (C, CROP / stride, CROP / stride) of maps (C, h, w), 0 beyond their end."""
    part = maps[:, *(slice(s.start // stride, s.stop // stride) for s in window.slices)]
    side = CROP // stride
    padded = np.pad(part, [(0, 0), *((0, side - n) for n in part.shape[1:])])
    return np.clip(padded, -LARGEST, LARGEST).astype(np.float16)


def write_samples(path: Path, samples: Sequence[Sample]) -> None:
    """Keep the samples of a lesson in one .npz, by rename."""
    arrays: dict[str, Any] = {".parts": np.array([s.part for s in samples], np.int64)}
    for i, s in enumerate(samples):
        arrays |= {f"{i}/{name}": m for name, m in s.maps.items()}
        arrays |= {f"{i}/.target": s.target, f"{i}/.known": s.known, f"{i}/.rest": s.rest}
        arrays[f"{i}/.share"] = np.array(s.share)
    beside = path.with_name(f".{path.name}")
    with beside.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    os.replace(beside, path)


class Samples(Sequence[Sample]):
    """Samples of lessons that `write_samples` wrote, read from their files one by one: memory does not limit them."""

    def __init__(self, places: Sequence[tuple[Path, int, int]] = ()) -> None:
        """`places`: of each sample the file, its number in it, and the smallest part of the data that it is of."""
        self.places = tuple(places)

    @classmethod
    def of(cls, lesson: Path) -> Samples:
        """Those of one lesson."""
        with np.load(lesson, allow_pickle=False) as stored:
            return cls([(lesson, i, int(part)) for i, part in enumerate(stored[".parts"])])

    def __add__(self, others: Samples) -> Samples:
        return Samples((*self.places, *others.places))

    def of_part(self, part: int) -> Samples:
        """Those whose pictures all are in part `part` of `SHARES`."""
        return Samples([place for place in self.places if place[2] <= part])

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, at: int) -> Sample: ...

    @overload
    def __getitem__(self, at: slice) -> Samples: ...

    def __getitem__(self, at: int | slice) -> Sample | Samples:
        if isinstance(at, slice):
            return Samples(self.places[at])
        path, number, part = self.places[at]
        start = f"{number}/"
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key.removeprefix(start): stored[key] for key in stored.files if key.startswith(start)}
        target, known, rest, share = (arrays.pop(n) for n in (".target", ".known", ".rest", ".share"))
        return Sample(arrays, target, known, float(share), rest, part)


def fit_decoder(
    base: Path,
    samples: Sequence[Sample],
    checkpoint: Path,
    seconds: float,
    progress: Callable[[int, int], None],
    seed: int = 1,
    after: Path | None = None,
) -> OnnxModule:
    """The decoder in the file `base`, trained on samples for about so many seconds; goes on from `checkpoint`.

    after  the checkpoint of another fit, whose weights this one begins with.

    How many steps fit is measured on the first ones, and kept with the checkpoint: a run that was stopped ends where it
    would have. Processes of torchrun share the samples of each step; the first one alone keeps checkpoint and time, and
    tells of its `progress`. Raises RuntimeError for a file that cannot be trained, InputError for more processes than a
    step has samples.
    """
    processes = join()
    check_shares(processes.count)
    device = processes.device
    decoder, before = OnnxModule(base).to(device), OnnxModule(base).to(device)
    kernels, rest = split_kernels(decoder.parameters())
    optimizers = (Muon(kernels, RATE, WEIGHT_DECAY), torch.optim.AdamW(rest, RATE, weight_decay=0.0))
    done, steps, spent = 0, 0, 0.0
    if state := processes.told(lambda: read_checkpoint(checkpoint)):
        done, steps, spent = state["done"], state["steps"], state.get("spent", 0.0)
        decoder.load_state_dict(state["decoder"])
        for optimizer, stored in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)
    elif earlier := after and processes.told(lambda: read_checkpoint(after)):
        decoder.load_state_dict(earlier["decoder"])
    processes.follow([*decoder.state_dict().values()])
    own = slice(processes.number, None, processes.count)
    most = max(FEWEST_STEPS, EPOCHS * len(samples) // BATCH)
    saved = time.monotonic()
    begun = saved - spent
    while not steps or done < steps:
        if not steps and done == TIMED:
            taken = processes.told(lambda: time.monotonic() - begun)
            steps = min(most, max(FEWEST_STEPS, int(TIMED * seconds / taken)))
        rng = np.random.default_rng((seed, done))
        chosen = [samples[i] for i in rng.integers(len(samples), size=BATCH)]
        left = 1 - done / (steps or most)
        for group in (g for o in optimizers for g in o.param_groups):
            group["lr"] = RATE * min(1.0, (done + 1) / WARMUP, left / DECAY)
        loss = sample_loss(decoder, before, chosen, device, own)
        decoder.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        processes.add_gradients(list(decoder.parameters()))
        nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        done += 1
        if not processes.first:
            continue
        try:
            progress(done, steps or most)
        except BaseException:
            _save(checkpoint, decoder, optimizers, done, steps, time.monotonic() - begun)
            raise
        if time.monotonic() - saved > SAVE_EVERY:
            saved = time.monotonic()
            _save(checkpoint, decoder, optimizers, done, steps, saved - begun)
    processes.follow([*decoder.state_dict().values()])
    if processes.first:
        _save(checkpoint, decoder, optimizers, done, steps, time.monotonic() - begun)
    return decoder.cpu()


def check_shares(count: int) -> None:
    """Raise InputError where the samples of a step are too few for so many processes."""
    if count > BATCH:
        raise InputError(
            f"{count} processes cannot share the {BATCH} samples of a step",
            "refining",
            f"start {BATCH} at most (torchrun --nproc-per-node {BATCH})",
        )


def _save(
    path: Path,
    decoder: OnnxModule,
    optimizers: Sequence[torch.optim.Optimizer],
    done: int,
    steps: int,
    spent: float,
) -> None:
    state = {
        "decoder": decoder.state_dict(),
        "optimizers": [o.state_dict() for o in optimizers],
        "done": done,
        "steps": steps,
        "spent": spent,
    }
    write_checkpoint(path, state)


def sample_loss(
    decoder: OnnxModule,
    before: OnnxModule,
    samples: Sequence[Sample],
    device: torch.device,
    own: slice = slice(None),
) -> Tensor:
    """Cross-entropy and Dice loss of the answer, in which the decoder has its share; and of the thing being there.

    That is held to what is true where some samples lack the thing, and to what was said before where none does; the
    depths always are.
    own  which samples are answered: the losses of several parts add up to that of all.
    """
    answered = samples[own]
    maps = {
        name: torch.from_numpy(np.stack([s.maps[name] for s in answered])).to(device).float()
        for name in decoder.input_names
    }
    with half(device):
        said = decoder(maps)
    with torch.no_grad(), half(device):
        unmoved = before(maps)
    said, unmoved = ({name: m.float() for name, m in each.items()} for each in (said, unmoved))
    share = torch.tensor([s.share for s in answered], device=device)[:, None, None, None]
    rest = torch.from_numpy(np.stack([s.rest for s in answered])).to(device).float()[:, None]
    logits = share * said["logits"] + rest
    target, known = (
        F.avg_pool2d(
            torch.from_numpy(np.stack([getattr(s, n) for s in samples])).to(device).float()[:, None], 2
        )
        for n in ("target", "known")
    )
    bce, dice = mask_losses(logits, (target / known.clamp(min=1e-6))[own], known[own])
    shown = (target.flatten(1).amax(1, keepdim=True) > 0).float()
    if shown.min() < 1:
        presence = F.binary_cross_entropy_with_logits(said["there"], shown[own])
    else:
        presence = F.binary_cross_entropy_with_logits(said["there"], torch.sigmoid(unmoved["there"]))
    depth = F.mse_loss(said["depth"], unmoved["depth"])
    part = len(answered) / len(samples)
    # Dice is a mean over the samples that show the thing.
    showing = shown[own].sum().clamp(min=1) / shown.sum().clamp(min=1)
    return part * (bce + PRESENCE * presence + DEPTH * depth) + showing * dice
