"""Images per second of cuecast and of SegGPT, in turn on the same cores: 512 x 512 images, one cue.

    pip install torch transformers
    python benchmarks/seggpt_speed.py [--pack general] [--rounds 5] [-o benchmarks/results/seggpt_speed.json]

SegGPT is transformers' own implementation in its default configuration (371 M parameters) with random
weights, which take the same time as trained ones; nothing is downloaded. It sees the cue again with every
image, as it must. cuecast learns the cue once, outside the timed part; the time of that is printed. Both get
arrays, return a mask of the image's size, and may use all cores. Exit code 1 says that the ratio is below
--at-least. docs/benchmarks.md shows what -o keeps.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from PIL import Image
from PIL.Image import Resampling

import cuecast
from cuecast.evaluation.bench import machine
from cuecast.evaluation.evaluate import source_commit
from cuecast.io.files import write_text

SEGGPT_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
SEGGPT_STD = np.array([0.229, 0.224, 0.225], np.float32)
"""ImageNet's, as SegGPT's image processor takes them."""

TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 5,
    "merge_index": 0,
    "num_attention_heads": 2,
    "decoder_hidden_size": 8,
    "image_size": (64, 32),
    "pretrain_image_size": 32,
    "intermediate_hidden_state_indices": [1, 2, 3, 4],
}
"""A configuration to try this script with (--tiny); its figures mean nothing."""


def picture(seed: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """(pixels (side, side, 3) uint8, mask (side, side) uint8) of a bright disc on a textured ground."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side]
    cx, cy = random.uniform(side * 0.3, side * 0.7, 2)
    mask = (x - cx) ** 2 + (y - cy) ** 2 <= (side * 0.2) ** 2
    level = 80 + 20 * np.sin(x / 17 + seed) + random.normal(0, 8, (side, side)) + 90 * mask
    return np.stack([level, level * 0.9, level * 0.7], -1).clip(0, 255).astype(np.uint8), mask.astype(
        np.uint8
    )


def seggpt(cue: tuple[np.ndarray, np.ndarray], tiny: bool) -> Callable[[np.ndarray], np.ndarray]:
    """A function image -> mask that runs SegGPT with this cue. Exits where a library is missing."""
    torch, transformers = _needed("torch"), _needed("transformers")
    torch.manual_seed(0)
    torch.set_num_threads(os.cpu_count() or 1)
    config = transformers.SegGptConfig(**(TINY if tiny else {}))
    model = transformers.SegGptForImageSegmentation(config).eval()
    count = sum(p.numel() for p in model.parameters())
    print(
        f"SegGPT: {count / 1e6:.0f} M parameters, transformers {transformers.__version__}, "
        f"torch {torch.__version__}"
    )
    height, width = config.image_size[0] // 2, config.image_size[1]

    def tensor(pixels: np.ndarray) -> Any:
        resized = Image.fromarray(pixels).resize((width, height), Resampling.BICUBIC)
        normal = (np.asarray(resized, np.float32) / 255 - SEGGPT_MEAN) / SEGGPT_STD
        return torch.from_numpy(normal.transpose(2, 0, 1))[None]

    prompt = tensor(cue[0])
    prompt_mask = tensor(np.repeat(cue[1][..., None] * 255, 3, axis=2))

    def segment(pixels: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            out = model(pixel_values=tensor(pixels), prompt_pixel_values=prompt, prompt_masks=prompt_mask)
            answer = out.pred_masks[0, :, height:].mean(dim=0).numpy()
        full = Image.fromarray(answer).resize((pixels.shape[1], pixels.shape[0]), Resampling.BILINEAR)
        return np.asarray(full) > 0

    return segment


def ours(cue: tuple[np.ndarray, np.ndarray], pack: str) -> Callable[[np.ndarray], np.ndarray]:
    """A function image -> mask that runs cuecast with this cue."""
    predictor = cuecast.load(pack)
    started = time.perf_counter()
    concept = predictor.learn([cuecast.Cue(cue[0], mask=cue[1])])
    print(f"cuecast: pack {pack}, the cue was learned in {time.perf_counter() - started:.2f} s")
    return lambda pixels: concept.segment(pixels).mask > 0


def seconds_each(segment: Callable[[np.ndarray], np.ndarray], images: list[np.ndarray]) -> float:
    """Mean wall seconds an image."""
    started = time.perf_counter()
    for pixels in images:
        assert segment(pixels).shape == pixels.shape[:2]
    return (time.perf_counter() - started) / len(images)


def record(slow: float, fast: float, options: argparse.Namespace) -> dict[str, Any]:
    """The medians with machine, versions and settings, as JSON takes it."""
    return {
        "kind": "seggpt-speed",
        "seggpt_seconds": round(slow, 3),
        "cuecast_seconds": round(fast, 4),
        "side": options.side,
        "rounds": options.rounds,
        "tiny": options.tiny,
        "pack": options.pack,
        "pack_digest": cuecast.load(options.pack).pack.digest,
        "commit": source_commit(),
        "libraries": {name: _needed(name).__version__ for name in ("torch", "transformers")},
        "machine": machine(),
    }


def _needed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SystemExit(f"this needs {name} ({error}); run: pip install torch transformers") from error


def main() -> int:
    """Measure and print; the exit code says whether the ratio is reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pack", default="general")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--images", type=int, default=20, help="images of cuecast in each round (SegGPT: one)"
    )
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--at-least", type=float, default=80)
    parser.add_argument("--tiny", action="store_true", help="a tiny SegGPT, to try this script")
    parser.add_argument("--output", "-o", help="keep the medians as JSON in this file")
    options = parser.parse_args()
    cue = picture(0, options.side)
    images = [picture(seed, options.side)[0] for seed in range(1, options.images + 1)]
    theirs, mine = seggpt(cue, options.tiny), ours(cue, options.pack)
    theirs(images[0])
    mine(images[0])
    pairs = []
    for number in range(options.rounds):
        pair = seconds_each(theirs, images[:1]), seconds_each(mine, images)
        pairs.append(pair)
        print(f"round {number + 1}: SegGPT {pair[0]:.3f} s/image, cuecast {pair[1]:.4f} s/image", flush=True)
    slow, fast = (median(p[i] for p in pairs) for i in (0, 1))
    print(
        f"SegGPT {1 / slow:.3f} images/s, cuecast {1 / fast:.2f} images/s: {slow / fast:.0f} times (medians)"
    )
    print(f"{options.side} x {options.side}, {os.cpu_count()} cores, {options.rounds} rounds")
    if options.output:
        write_text(options.output, json.dumps(record(slow, fast, options), indent=1) + "\n")
    return int(slow / fast < options.at_least)


if __name__ == "__main__":
    sys.exit(main())
