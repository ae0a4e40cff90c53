"""Seconds and memory of large pretrained models as packs, on the CPU, beside the pack `general` in the same run.

    pip install 'cuecast[foundation]'
    python benchmarks/foundation.py [--models seggpt sam2-tiny ...] [--cues 1 5] [-o benchmarks/results/foundation.json]
    python benchmarks/foundation.py --table benchmarks/results/foundation.json

Each model has its published size and random weights, which take the same time as trained ones; nothing is
downloaded. They are written as they are published, and used through a pack, as anybody's. Every model with every number
of cues is a process of its own: its peak resident memory is the system's figure after learning and a first answer,
libraries and all. Pictures are drawn, 512 x 512. The model and `general` answer in the same process, on one thread:
others may use the cores, and seconds of the processor, which tables give, hardly depend on that where no thread waits
for another; still less does the ratio of the two. -o keeps what is known after each model, and a further run adds to
it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from seggpt_speed import picture

import cuecast
from cuecast.core.notes import notes_to
from cuecast.evaluation.bench import machine
from cuecast.evaluation.evaluate import source_commit
from cuecast.io.files import write_text

KIND = "foundation-speed"
GENERAL = "general"
HIERA_LARGE = {
    "hidden_size": 144,
    "num_attention_heads": 2,
    "blocks_per_stage": [2, 6, 36, 4],
    "embed_dim_per_stage": [144, 288, 576, 1152],
    "num_attention_heads_per_stage": [2, 4, 8, 16],
    "global_attention_blocks": [23, 33, 43],
    "window_size_per_stage": [8, 4, 16, 8],
    "window_positional_embedding_background_size": [7, 7],
}
"""As sam2.1_hiera_l.yaml of facebookresearch/sam2 has it; 'tiny' is transformers' default."""


class Model(NamedTuple):
    """A model of transformers: its configuration and class, what differs from the default configuration, and what it
    is called in a table."""

    config: str
    loader: str
    settings: dict[str, Any]
    title: str


def _vit(width: int, layers: int, heads: int) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * width,
        "num_register_tokens": 4,
    }


DINO = ("DINOv3ViTConfig", "DINOv3ViTModel")
SAM2 = ("Sam2VideoConfig", "Sam2VideoModel")
MODELS = {
    "dinov3-s": Model(*DINO, _vit(384, 12, 6), "`dino`, DINOv3 ViT-S/16"),
    "dinov3-b": Model(*DINO, _vit(768, 12, 12), "`dino`, DINOv3 ViT-B/16"),
    "dinov3-l": Model(*DINO, _vit(1024, 24, 16), "`dino`, DINOv3 ViT-L/16"),
    "sam2-tiny": Model(*SAM2, {}, "`sam2`, SAM 2.1 Hiera tiny"),
    "sam2-large": Model(
        *SAM2,
        {
            "vision_config": {
                "model_type": "sam2_vision_model",
                "backbone_config": {"model_type": "sam2_hiera_det_model", **HIERA_LARGE},
                "backbone_channel_list": [1152, 576, 288, 144],
            }
        },
        "`sam2`, SAM 2.1 Hiera large",
    ),
    "seggpt": Model("SegGptConfig", "SegGptForImageSegmentation", {}, "`seggpt`, ViT-L"),
}


def write_weights(model: Model, folder: Path) -> None:
    """Random weights of a model in its published form."""
    torch, transformers = (importlib.import_module(name) for name in ("torch", "transformers"))
    torch.manual_seed(0)
    config = getattr(transformers, model.config)(**model.settings)
    getattr(transformers, model.loader)(config).save_pretrained(folder)


def measure(folder: Path, cues: int, side: int, rounds: int, threads: int) -> dict[str, Any]:
    """What one model with that many cues takes, in this process. `folder`: its weights."""
    from cuecast.catalogue.foundation import find_weights, make_weights_pack

    weights = find_weights(str(folder), None)
    with notes_to(lambda _: None):
        made = make_weights_pack("measured", folder.parent, weights)
        large, *loading = _timed(lambda: cuecast.load(made.folder, threads))
    shown = [cuecast.Cue(pixels, mask=mask) for pixels, mask in (picture(n, side) for n in range(cues))]
    concept, *learning = _timed(lambda: large.learn(shown))
    first = _timed(lambda: concept.segment(picture(200, side)[0]))[1:]
    peak = _peak()
    small = cuecast.load(GENERAL, threads).learn(shown)
    small.segment(picture(100, side)[0])
    pairs = [(first, _timed(lambda: small.segment(picture(200, side)[0]))[1:])]
    for number in range(1, rounds):
        pixels = picture(200 + number, side)[0]
        both = [_timed(lambda c=c, p=pixels: c.segment(p))[1:] for c in (concept, small)]
        pairs.append((both[0], both[1]))
    return {
        "cues": cues,
        "parameters": weights.numbers,
        "load_seconds": round(loading[0], 2),
        "learn_seconds": round(learning[0], 2),
        "learn_processor_seconds": round(learning[1], 2),
        "seconds": round(median(a[0] for a, _ in pairs), 3),
        "processor_seconds": round(median(a[1] for a, _ in pairs), 3),
        "general_seconds": round(median(b[0] for _, b in pairs), 3),
        "general_processor_seconds": round(median(b[1] for _, b in pairs), 3),
        "ratio": round(median(a[1] / b[1] for a, b in pairs), 1),
        "peak_bytes": peak,
    }


def _timed(do: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it gives, seconds of the clock, and of the processor in all threads of this process."""
    wall, used = time.perf_counter(), time.process_time()
    found = do()
    return found, time.perf_counter() - wall, time.process_time() - used


def _peak() -> int:
    """Peak resident bytes of this process so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def apart(name: str, folder: Path, threads: int, arguments: Sequence[str]) -> str:
    """What this script prints, run as a process of its own with these arguments."""
    command = [
        sys.executable,
        __file__,
        "--inside",
        name,
        "--folder",
        str(folder),
        *arguments,
        "--threads",
        str(threads),
    ]
    kept = {
        "OMP_NUM_THREADS": str(threads),
        "XDG_CACHE_HOME": str(folder.parent / "cache"),
        "CUECAST_DEVICE": "cpu",
        "HF_HUB_OFFLINE": "1",
    }
    done = subprocess.run(command, env={**os.environ, **kept}, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with exit code {done.returncode}")
    return done.stdout


def run(options: argparse.Namespace) -> dict[str, Any]:
    """The record of all models and numbers of cues that are asked for; what an earlier run has kept stays."""
    record: dict[str, Any] = {"kind": KIND, "models": {}}
    if options.output and Path(options.output).is_file():
        record = json.loads(Path(options.output).read_text())
    versions = {name: importlib.import_module(name).__version__ for name in ("torch", "transformers")}
    record |= {
        "side": options.side,
        "rounds": options.rounds,
        "threads": options.threads,
        "tiny": options.tiny,
        "pack_digest": cuecast.load(GENERAL).pack.digest,
        "commit": source_commit(),
        "libraries": versions,
        "machine": machine(),
    }
    for name in options.models:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "weights"
            apart(name, folder, options.threads, ["--write", *(["--tiny"] if options.tiny else [])])
            found = record["models"].setdefault(name, {})
            for cues in options.cues:
                arguments = [
                    "--cues",
                    str(cues),
                    "--side",
                    str(options.side),
                    "--rounds",
                    str(options.rounds),
                ]
                found[str(cues)] = line = json.loads(apart(name, folder, options.threads, arguments))
                print(f"{name}, {cues} cue(s): {json.dumps(line)}", flush=True)
                if options.output:
                    write_text(options.output, json.dumps(record, indent=1) + "\n")
    return record


def table(record: dict[str, Any]) -> str:
    """The record as the table of docs/foundation.md."""
    lines = [
        "| | parameters | cues | learning, s | an image, s | times `general` | peak memory |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    usual: dict[str, list[dict[str, Any]]] = {}
    for name, model in MODELS.items():
        for cues, told in record["models"].get(name, {}).items():
            usual.setdefault(cues, []).append(told)
            lines.append(
                f"| {model.title} | {told['parameters'] / 1e6:.0f} M | {cues} | {told['learn_processor_seconds']:.1f} "
                f"| {told['processor_seconds']:.1f} | {told['ratio']:.0f} | {told['peak_bytes'] / 1e9:.1f} GB |"
            )
    for cues, told_of in usual.items():
        own = median(told["general_processor_seconds"] for told in told_of)
        lines.append(f"| `general` in the same runs | | {cues} | | {own:.2f} | 1 | |")
    return "\n".join(lines)


def _tiny() -> dict[str, Model]:
    """The same models, tiny ones, to try this script with; their figures mean nothing."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from foundation_models import MODELS as SMALL

    kinds = {"dinov3": "dinov3_vit", "sam2": "sam2_video", "seggpt": "seggpt"}
    return {name: Model(*SMALL[kinds[name.split("-")[0]]], MODELS[name].title) for name in MODELS}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print, or print the table of what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--cues", nargs="+", type=int, default=[1, 5])
    parser.add_argument(
        "--rounds", type=int, default=3, help="answers that are timed, of which the median counts"
    )
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="tiny models, to try this script")
    parser.add_argument("--output", "-o", help="keep the figures as JSON in this file")
    parser.add_argument("--table", type=Path, metavar="FILE", help="only print the table of these figures")
    parser.add_argument("--inside", choices=MODELS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.table:
        print(table(json.loads(options.table.read_text())))
    elif options.write:
        write_weights((_tiny() if options.tiny else MODELS)[options.inside], options.folder)
    elif options.inside:
        print(
            json.dumps(
                measure(options.folder, options.cues[0], options.side, options.rounds, options.threads)
            )
        )
    else:
        print(table(run(options)))


if __name__ == "__main__":
    main()
