"""What each of two processes does for `test_torchrun`: `torchrun --nproc-per-node 2 two_processes.py FOLDER`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import numpy as np
import torch

from cuecast.core.errors import InputError
from cuecast.training import refine_fit
from cuecast.training.batches import BatchShape
from cuecast.training.loop import Phase, Plan, Run
from cuecast.training.refine import RefineOptions, refine
from cuecast.training.refine_fit import Samples, fit_decoder
from cuecast.training.sets import PictureSet
from cuecast.training.torchrun import join

SHAPE = BatchShape(2, 3, tasks=1, size=64, sources=(0.5, 0.2, 0.3))
PLAN = Plan((Phase(3, (SHAPE,)),), warmup=1, save_every=2, plot_every=9, accumulate=2)
STEPS = 14


class StoppedError(Exception):
    """Stands for a kill."""


def halves() -> PictureSet:
    """Noise whose left half is darker."""
    mask = np.repeat(np.uint8([[1] * 48 + [2] * 48]), 96, 0)
    rng = np.random.default_rng(0)
    pictures = [(mask[..., None] * 80 + rng.integers(0, 40, (96, 96, 3))).astype(np.uint8) for _ in range(6)]
    both = {1: tuple(range(6)), 2: tuple(range(6))}
    return PictureSet("halves", tuple(pictures), (mask,) * 6, both, {1: (), 2: ()}, {1: 0.5, 2: 0.5})


def stopped(folder: Path) -> None:
    """A run that ends when it has saved its second step."""
    run = Run(PLAN, (halves(),), folder, workers=0)
    save = run.save

    def stop() -> None:
        save()
        raise StoppedError

    run.save = stop  # type: ignore[method-assign]
    with contextlib.suppress(StoppedError):
        run.train()


def exact(device: torch.device) -> torch.autocast:
    """In the place of `half`: in bfloat16 a gradient hangs on which samples come first, and Muon makes much of that."""
    return torch.autocast(device.type, enabled=False)


def quick() -> None:
    """Few small samples and steps."""
    refine_fit.half = exact
    refine_fit.CROP, refine_fit.BATCH = 64, 3
    refine_fit.FEWEST_STEPS, refine_fit.EPOCHS = STEPS, 0


def main(folder: Path) -> None:
    """Train, stop, go on, fit and refine; what is found lies in the folder."""
    import cuecast.training.refine as stages
    from cuecast.training import refine_compare

    torch.set_num_threads(1)
    processes = join()
    Run(PLAN, (halves(),), folder / "straight", workers=0).train()
    stopped(folder / "pieces")
    run = Run(PLAN, (halves(),), folder / "pieces", workers=0)
    begun = run.step
    run.train()
    torch.save({"begun": begun, **run.network.state_dict()}, folder / f"network{processes.number}.pt")
    try:
        Run(Plan(PLAN.phases, accumulate=3), (), folder / "uneven", workers=0)
    except InputError as error:
        (folder / f"uneven{processes.number}.txt").write_text(str(error))
    quick()
    told: list[int] = []
    fitted = fit_decoder(
        folder / "packs" / "raw" / "decode.onnx",
        Samples.of(folder / "samples.npz"),
        folder / "fit.pt",
        0,
        lambda done, _: told.append(done),
    )
    torch.save({"told": len(told), **fitted.state_dict()}, folder / f"decoder{processes.number}.pt")
    stages.MOST_SAMPLES, stages.SHOTS = 4, (1,)
    refine_compare.QUERIES, refine_compare.ROWS = 2, 1
    made = refine(
        folder / "pictures",
        folder / "sector",
        RefineOptions(folder / "packs" / "raw", ["square"], minutes=20, anyway=True),
        lambda step: told.append(step.done),
    )
    (folder / f"refined{processes.number}.txt").write_text(f"{made.pack.digest} {len(told)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
