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
from typing import Any, overload

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from cuecast.core.errors import InputError
from cuecast.core.tiling import Window
from cuecast.core.values import IGNORE, Example, Image
from cuecast.engine.lessons import Lesson
from cuecast.engine.matching import MatchingSegmenter
from cuecast.engine.refiner import resize
from cuecast.io.images import read_image
from cuecast.training.loop import mask_losses, read_checkpoint, write_checkpoint
from cuecast.training.onnx_module import OnnxModule
from cuecast.training.refine_data import Data, only_classes
from cuecast.training.torchrun import join

Array = NDArray[np.float32]
Maps = dict[str, NDArray[np.float16]]

SHARES = (0.25, 0.5, 1.0)
"""Parts of the teaching pictures that the curve is made of."""
SHARES_CHANCE = (0.2, 0.25, 0.55)
"""Of the lessons, how many are drawn from each part: a smaller one's serve the larger ones, too."""
SMALLEST_PART = 4
"""Teaching pictures from which on a part is worth a point of the curve."""
SHOTS = (1, 2, 3, 5, 8, 12)
SHOTS_CHANCE = (0.2, 0.15, 0.15, 0.2, 0.15, 0.15)
ASKED, OF_LESSON = 8, 24
"""Pictures that are asked in a lesson, and samples that are kept of it, at most: learning is dearer than answering, but
what one lesson says is alike."""
CROP = 256
"""Side of what is kept of an answer, in working pixels."""
LARGEST = 60000.0
"""Float16 holds no more."""
MOST_SAMPLES = 2000
"""Samples are kept on the disk as float16, at some 1.2 MB each, and read when their turn comes."""
BATCH = 6
RATE = 1e-3
"""Of AdamW (Loshchilov and Hutter 2019), rising for `WARMUP` steps, falling to zero over the last `DECAY` of them."""
WARMUP, DECAY = 20, 0.6
EPOCHS = 20
"""How often each sample is seen, at most."""
FEWEST_STEPS = 60
TIMED = 10
"""Steps that are timed before the number of all is settled."""
SAVE_EVERY = 20.0
"""Seconds between two checkpoints."""
PRESENCE = 0.2
"""Weight of what is said of the thing being anywhere."""
FLIPPED, COLOURED = 0.25, 0.5
"""Chance that a lesson's pictures are mirrored (down: half of it), and that their colours are moved a little."""


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


def draw_lesson(segmenter: MatchingSegmenter, data: Data, number: int) -> list[Sample]:
    """The samples of lesson `number`; the same for the same data and pack."""
    rng = np.random.default_rng((number, int(data.digest, 16)))
    part = int(rng.choice(len(SHARES), p=SHARES_CHANCE))
    pool = [p for p in data.part(SHARES[part]) if p.example.marks.mask is not None]
    if not pool:
        return []  # the part may hold nothing but pictures without the thing
    # Sources teach alike, however many pictures each has; what one marks, another may show without marking it.
    places = sorted({p.place for p in pool})
    place = places[int(rng.integers(len(places)))]
    pool = [p for p in pool if p.place == place]
    order = [pool[i] for i in rng.permutation(len(pool))]
    shots = min(int(rng.choice(SHOTS, p=SHOTS_CHANCE)), len(order) - 1)
    cues, rest = order[:shots], order[shots:]
    # A picture that lies beside a cue's in everything but the thing would teach to look for its twin.
    groups = {c.group for c in cues}
    asked = [p for p in rest if p.group not in groups][:ASKED]
    classes = [i.id for i in data.classes if any(c.shows(i.id) for c in cues)]
    if not (cues and asked and classes):
        return []
    change = _draw_change(rng)
    wanted = [i.id for i in data.classes]
    knowledge = segmenter.learn([change(only_classes(c, wanted)) for c in cues], classes, "frame")
    samples = []
    for picture in asked:
        example = change(only_classes(picture, wanted))
        for lesson in knowledge.lessons:
            samples += _ask(segmenter, lesson, example, rng, part)
    return [samples[i] for i in sorted(rng.permutation(len(samples))[:OF_LESSON])]


def _draw_change(rng: np.random.Generator) -> Callable[[Example], Example]:
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


def _ask(
    segmenter: MatchingSegmenter, lesson: Lesson, example: Example, rng: np.random.Generator, part: int
) -> list[Sample]:
    """A sample of each class of a lesson: a crop of one tile."""
    view = segmenter.viewer.view(example.image, lesson.side, lesson.zoom)
    tiles = list(segmenter.decoded(lesson, view))
    mask = example.marks.mask
    assert mask is not None
    known = resize((mask != IGNORE).astype(np.float32), view.frame.shape[:2])
    samples = []
    for k, cls in enumerate(lesson.classes):
        tile, maps, share, rest = tiles[int(rng.integers(len(tiles)))]
        thing = resize((mask == cls).astype(np.float32), view.frame.shape[:2])
        padded = [view.pad(plane[tile.slices]) for plane in (thing, known)]
        height, width = padded[0].shape
        top, left = (int(rng.integers(max(0, n - CROP) // 32 + 1)) * 32 for n in (height, width))
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
) -> OnnxModule:
    """The decoder in the file `base`, trained on samples for about so many seconds; goes on from `checkpoint`.

    How many steps fit is measured on the first ones, and kept with the checkpoint: a run that was stopped ends where it
    would have. Processes of torchrun share the samples of each step; the first one alone keeps checkpoint and time, and
    tells of its `progress`. Raises RuntimeError for a file that cannot be trained, InputError for more processes than a
    step has samples.
    """
    processes = join()
    check_shares(processes.count)
    device = processes.device
    decoder, before = OnnxModule(base).to(device), OnnxModule(base).to(device)
    optimizer = torch.optim.AdamW(decoder.parameters(), RATE, weight_decay=0.01)
    done, steps, spent = 0, 0, 0.0
    if state := processes.told(lambda: read_checkpoint(checkpoint)):
        done, steps, spent = state["done"], state["steps"], state.get("spent", 0.0)
        decoder.load_state_dict(state["decoder"])
        optimizer.load_state_dict(state["optimizer"])
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
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (done + 1) / WARMUP, left / DECAY)
        loss = sample_loss(decoder, before, chosen, device, own)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        processes.add_gradients(list(decoder.parameters()))
        nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        done += 1
        if not processes.first:
            continue
        try:
            progress(done, steps or most)
        except BaseException:
            _save(checkpoint, decoder, optimizer, done, steps, time.monotonic() - begun)
            raise
        if time.monotonic() - saved > SAVE_EVERY:
            saved = time.monotonic()
            _save(checkpoint, decoder, optimizer, done, steps, saved - begun)
    processes.follow([*decoder.state_dict().values()])
    if processes.first:
        _save(checkpoint, decoder, optimizer, done, steps, time.monotonic() - begun)
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
    optimizer: torch.optim.Optimizer,
    done: int,
    steps: int,
    spent: float,
) -> None:
    state = {
        "decoder": decoder.state_dict(),
        "optimizer": optimizer.state_dict(),
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

    That is held to what is true where some samples lack the thing, and to what was said before where none does.
    own  which samples are answered: the losses of several parts add up to that of all.
    """
    answered = samples[own]
    maps = {
        name: torch.from_numpy(np.stack([s.maps[name] for s in answered])).to(device).float()
        for name in decoder.input_names
    }
    said = decoder(maps)
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
        with torch.no_grad():
            unmoved = torch.sigmoid(before(maps)["there"])
        presence = F.binary_cross_entropy_with_logits(said["there"], unmoved)
    part = len(answered) / len(samples)
    # Dice is a mean over the samples that show the thing.
    showing = shown[own].sum().clamp(min=1) / shown.sum().clamp(min=1)
    return part * bce + showing * dice + PRESENCE * part * presence
