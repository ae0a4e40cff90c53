"""The pack `general`: a network on a backbone that has seen ImageNet.

    cuecast train recipes/general.py --data DATA --out src/cuecast/packs/general
    cuecast train recipes/general.py --data DATA --out src/cuecast/packs/general --lessons 1700 --minutes 20
    cuecast eval EPISODES.jsonl -o scores
    cuecast train recipes/general.py --data DATA --out src/cuecast/packs/general --scores scores/scores.json
    cuecast train recipes/general.py --data DATA --out src/cuecast/packs/general --sparse

The second one fits the decoder on, to what the pack itself says of whole pictures. The last one fits the confidence of
sparse cues anew, for a pack whose features or first look have changed. DATA is a folder with train/ and objects/train/,
folders of picture sets (images/, masks/, card.json each; the latter with masks_instances/ too), and photos/ (images/).
Stopped and started again, it goes on where its last checkpoint was. On several processes, with as many batches a step,
or a multiple: torchrun --nproc-per-node 2 -m cuecast train recipes/general.py --accumulate 2 ...
Machine, time, steps and scores of each run: LOG.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cuecast.training.batches import BatchShape
    from cuecast.training.network import Network
    from cuecast.training.sets import PictureSet

EXCLUDED = ("crack_sut",)
"""Sets whose card states no licence."""

FILMED = (
    "train/coco",
    "train/football",
    "train/kudzu_bug",
    "train/pets",
    "train/underwater",
    "objects/train/coco_objects",
    "objects/train/nuclei",
)
"""Sets of what moves by itself, which clips are bent from for the confidence of followed frames."""

PREPROCESSING = {
    "side": 256,
    "most": 1024,
    "thickness": 6,
    "tile": 448,
    "overlap": 128,
    "texture": 16,
    "forest_share": 0.4,
    "multiple": 32,
}
"""Working frame (square root of its area), its largest, the wanted thickness of things, tiles: working pixels; channels
of learned texture; how far the answer follows the forest; what sides of an encoded image are multiples of."""

FROZEN, BACKBONE = 0.3, 0.05
"""Share of the steps in which the backbone stays as it is, so that what stands on it learns first; from then on its
learning rate, as a share of the others'."""

PAIRED, UNPAIRED = (0.45, 0.25, 0.3), (0.6, 0.1, 0.3)
"""Chances of groups from sets, from regions of one picture and drawn, in the first part of a run (half of it, an eighth
where it goes on from a pack) and in the rest: cue and query that show the very same thing are easy, and teach what a
likeness is before what a kind is."""

WAY = 0.6
"""Share of the way from the decoder that the steps gave to the one fitted to lessons that is gone."""

LIMITS = (
    "Trained for some hours on two CPU cores: looks and textures carry further than meaning.",
    "Natural scenes with many classes, and things told apart by their meaning only, are hard.",
    "Things thinner than about two pixels of the image are found in part.",
    "The confidence was calibrated on the training sets: on pictures far from these it is an estimate.",
)


def main(argv: Sequence[str]) -> None:
    """Train (or go on training) in --run, then write the pack to --out."""
    parser = argparse.ArgumentParser(prog="cuecast train recipes/general.py", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train/, objects/train/ and photos/"
    )
    parser.add_argument(
        "--run", type=Path, default=Path("runs/general"), help="checkpoint, log and loss picture"
    )
    parser.add_argument("--steps", type=int, default=3000, help="steps of the whole run")
    parser.add_argument(
        "--start", type=Path, help="pack folder whose weights to begin with; default: drawn ones"
    )
    parser.add_argument(
        "--keep",
        type=float,
        default=0.0,
        help="share of --start's weights in the pack, the rest is this run's",
    )
    parser.add_argument(
        "--accumulate",
        type=int,
        default=1,
        help="batches a step, which the processes of torchrun share alike",
    )
    parser.add_argument("--rate", type=float, default=1.5e-3, help="learning rate before it falls")
    parser.add_argument(
        "--frozen", type=float, default=FROZEN, help="share of the steps that leave the backbone as it is"
    )
    parser.add_argument(
        "--workers", type=int, default=workers(), help="processes that draw material, of each that trains"
    )
    parser.add_argument("--out", type=Path, help="pack folder to write when the run is done")
    parser.add_argument(
        "--lessons", type=int, help="only fit the decoder of --out on, to so many lessons, and calibrate it"
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="about how long that fit takes")
    parser.add_argument(
        "--scores", type=Path, help="only state this JSON of `cuecast eval` in the card of --out"
    )
    parser.add_argument(
        "--sparse", action="store_true", help="only calibrate the confidence of sparse cues of --out"
    )
    options = parser.parse_args(argv)
    if options.accumulate < 1:
        parser.error(f"--accumulate {options.accumulate}: 1 or more batches a step")
    if (options.sparse or options.scores or options.lessons) and not options.out:
        parser.error("--lessons, --scores and --sparse change a pack: name its folder with --out")
    if options.sparse:
        state_sparse(options.out, options.data)
        return
    if options.scores:
        state_scores(options.out, options.scores)
        return
    if options.lessons:
        fit_on(options.out, options.data, options.run, options.lessons, options.minutes)
        return
    if options.keep and not options.start:
        parser.error("--keep is a share of --start's weights: name the pack with --start")
    if not 0 <= options.keep < 1:
        parser.error(f"--keep {options.keep}: a share from 0 to below 1")
    if not 0 <= options.frozen <= 1:
        parser.error(f"--frozen {options.frozen}: a share from 0 to 1")

    from cuecast.training.export import load_pack
    from cuecast.training.loop import Phase, Plan, Run
    from cuecast.training.sets import read_training_sets
    from cuecast.training.torchrun import join

    processes = join()
    started = time.time()
    sets = read_training_sets(options.data, EXCLUDED)
    if processes.first:
        pictures, seconds = sum(len(s.images) for s in sets), time.time() - started
        print(f"{len(sets)} sets, {pictures} pictures, read in {seconds:.0f} s")
    paired, frozen = options.steps // 8, int(options.steps * options.frozen)
    phases = (
        Phase(paired, shapes(PAIRED)),
        Phase(frozen, shapes(UNPAIRED)),
        Phase(options.steps, shapes(UNPAIRED), BACKBONE),
    )
    start = load_pack(options.start) if options.start else begun(sets)
    # A run that goes on from a pack draws other tasks than the runs before it.
    seed = 1 + trained_before(options.start)["steps"]
    plan = Plan(
        phases, rate=options.rate, decay=0.5, freeze_norm=0.2, seed=seed, accumulate=options.accumulate
    )
    run = Run(plan, sets, options.run, start, options.workers)
    run.train()
    if options.out and processes.first:
        write_pack(options.run, options.data, options.out, options.start, options.keep)


def workers() -> int:
    """Processes that draw material, for each that trains on this machine: one core less than its share."""
    return max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 1)


def begun(sets: Sequence[PictureSet]) -> Network:
    """The network before its first step: the backbone as published, and the main directions of what it sees."""
    import numpy as np

    from cuecast.training.backbone import main_directions, pretrained
    from cuecast.training.network import SEMANTIC_DIM, Network

    network = Network(pretrained())
    rng = np.random.default_rng(0)
    seen = [s.images[i] for s in sets for i in rng.permutation(len(s.images))[: 60 if not s.holding else 6]]
    directions = main_directions(network.encoder.backbone, seen, SEMANTIC_DIM)
    network.encoder.semantic.weight.data.copy_(directions[:, :, None, None])
    return network


def shapes(sources: tuple[float, float, float]) -> tuple[BatchShape, ...]:
    """Steps of equal cost in turn: many groups of few images for diversity, few groups of many for several cues (up to
    16), and images as large as at run time."""
    from cuecast.training.batches import BatchShape

    many = BatchShape(8, 3, decoded=2, sources=sources)
    several = BatchShape(3, 8, decoded=3, sources=sources)
    large = BatchShape(2, 6, decoded=3, size=192, sources=sources)
    whole = BatchShape(1, 6, decoded=4, size=256, sources=sources)
    crowd = BatchShape(1, 18, decoded=3, queries=4, sources=sources)
    return many, several, large, many, whole, several, large, crowd


def write_pack(run: Path, data: Path, out: Path, start: Path | None, keep: float) -> None:
    """Export the run's averaged weights with a card that says where they come from; `start`, `keep` as the options."""
    import torch

    from cuecast.training.backbone import ORIGIN
    from cuecast.training.export import export_pack, load_network, load_pack, replace_pack
    from cuecast.training.network import mix_networks
    from cuecast.training.sets import licences, training_folders

    state = torch.load(run / "last.pt", map_location="cpu", weights_only=True)
    before = trained_before(start)
    card: dict[str, Any] = {
        "version": 1,
        "name": "general",
        "segmenter": "matching",
        "summary": "The built-in generalist: cells to cracks, from one marked picture, on a CPU.",
        "licence": "Apache-2.0",
        "organisation": "The cuecast authors",
        "sector": "general",
        "task": "segmenting what is marked on one picture or a few on all others",
        "date": time.strftime("%Y-%m-%d"),
        "preprocessing": PREPROCESSING,
        "thresholds": {"score": 0.5, "found": 0.6, "min_fraction": 2e-5},
        "data": [card for folder in training_folders(data) for card in licences(folder, EXCLUDED)],
        "backbone": ORIGIN,
        "training": {
            "recipe": "recipes/general.py",
            "steps": before["steps"] + state["step"],
            "hours": round(before["hours"] + state["seconds"] / 3600, 2),
            "machine": machines(before, state),
            "tasks": "{:.0%} from the sets, {:.0%} from regions of a picture, {:.0%} drawn".format(*UNPAIRED),
            "excluded": dict.fromkeys(EXCLUDED, "its card states no licence"),
        },
        "scores": {},
        "limits": list(LIMITS),
    }
    new = out.with_name(out.name + ".new")  # until it is calibrated, the one before stays in its place
    network = load_network(run / "last.pt")
    if start and keep:
        mix_networks(network, load_pack(start), keep)
    export_pack(network, new, card)
    calibrate(new, data)
    replace_pack(new, out)
    print(f"wrote {out}: {sum(f.stat().st_size for f in out.iterdir()) / 1e6:.1f} MB")


def fit_on(pack: Path, data: Path, run: Path, lessons: int, minutes: float) -> None:
    """Fit the decoder of a pack to lessons of whole pictures, for about so many minutes, and calibrate it anew.

    Scores are cut where they were: of the very pictures that lessons have shown it is surer than of others.

    Stopped and started again, it goes on; what it keeps of it lies in `run`.
    """
    import shutil

    import cuecast
    from cuecast.training.export import replace_pack, write_card
    from cuecast.training.onnx_module import OnnxModule
    from cuecast.training.refine_fit import fit_decoder
    from cuecast.training.set_lessons import write_set_lessons
    from cuecast.training.sets import read_training_sets

    def tell(what: str, done: int, total: int) -> None:
        if done % 50 == 0 or done == total:
            print(f"{done} of {total} {what}", flush=True)

    started = time.time()
    predictor, decoder = cuecast.load(pack), pack / "decode.onnx"
    work = run / f"lessons-{predictor.pack.digest}"  # what the decoder reads hangs on the pack
    samples = write_set_lessons(
        predictor,
        data,
        partial(read_training_sets, excluded=EXCLUDED),
        work,
        lessons,
        seed=1,
        workers=os.cpu_count() or 1,
        progress=partial(tell, "lessons"),
    )
    fitted = fit_decoder(decoder, samples, work / "decoder.pt", minutes * 60, partial(tell, "steps"))
    fitted.blend(OnnxModule(decoder), 1 - WAY)
    new = pack.with_name(pack.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(pack, new)
    fitted.save(new / "decode.onnx")
    card = json.loads((new / "card.json").read_text())
    card["training"]["decoder"] = {
        "lessons": lessons,
        "samples": len(samples),
        "hours": round((time.time() - started) / 3600, 2),
    }
    write_card(new, {**card, "date": time.strftime("%Y-%m-%d"), "scores": {}})
    calibrate(new, data, cut=False)
    replace_pack(new, pack)


def calibrate(pack: Path, data: Path, excluded: Sequence[str] = EXCLUDED, cut: bool = True) -> None:
    """Fit where scores are cut and what a confidence means to the pack's own answers, and state it in its card.

    excluded: sets that the cut and the confidence of masks are not fitted on; that of sparse cues: `state_sparse`.
    cut: False leaves the cut as the card states it.
    """
    import cuecast
    from cuecast.engine.decision import AreaPrior
    from cuecast.training.calibrate import answer_trials, fit_calibration, fit_threshold, threshold_of
    from cuecast.training.export import write_card
    from cuecast.training.sets import training_folders

    trials = answer_trials(
        cuecast.load(pack), training_folders(data)[0], excluded, workers=os.cpu_count() or 1
    )
    card = json.loads((pack / "card.json").read_text())
    if cut:
        score, prior, reached = fit_threshold(trials)
        print(
            f"mean IoU on training sets {reached:.3f}: cut at {score}, moved by the area as {prior} lets it"
        )
        card["thresholds"]["score"], card["area"] = score, asdict(prior)
    usual, prior = card["thresholds"]["score"], AreaPrior(**card["area"])
    thresholds = [threshold_of(t, usual, prior) for t in trials]
    card["calibration"] = fit_calibration(trials, thresholds, card["thresholds"]["min_fraction"])
    write_card(pack, card)
    state_sparse(pack, data)


def machines(before: dict[str, Any], state: dict[str, Any]) -> str:
    """Where all steps were made: what the card of --start says, and the machine of this run's checkpoint."""
    last = f"{state['step']:,} steps: {state['machine']}"
    return f"{before['machine']}; the last {last}" if before["steps"] else last


def trained_before(start: Path | None) -> dict[str, Any]:
    """Steps and hours that the weights of --start have behind them."""
    if not start:
        return {"steps": 0, "hours": 0.0}
    training: dict[str, Any] = json.loads((start / "card.json").read_text())["training"]
    return training


def state_sparse(pack: Path, data: Path) -> None:
    """Fit what a confidence means where boxes, points and strokes have taught the thing, and state it in a pack's card:
    on pictures, then on frames that the answer was carried on to.

    The card's thresholds must be those of the pack as it is.
    """
    import cuecast
    from cuecast.training.calibrate_followed import followed_calibration
    from cuecast.training.calibrate_sparse import sparse_calibration
    from cuecast.training.export import write_card
    from cuecast.training.sets import training_folders

    workers = os.cpu_count() or 1
    fitted = sparse_calibration(cuecast.load(pack), training_folders(data)[0], EXCLUDED, workers=workers)
    card = json.loads((pack / "card.json").read_text())
    write_card(pack, {**card, "sparse_calibration": fitted})
    # What followed frames are worth depends on what is said of the marked ones, so that these come first.
    filmed = [data / name for name in FILMED]
    for kind, weights in followed_calibration(cuecast.load(pack), filmed, workers=workers).items():
        fitted[kind]["followed"] = weights
    write_card(pack, {**card, "sparse_calibration": fitted})
    print(f"{pack}: the confidence of {', '.join(fitted)} is calibrated, on pictures and on followed frames")


def state_scores(pack: Path, scores: Path) -> None:
    """Put the mean IoU by set and number of cues, as `cuecast eval` has measured it, into a pack's card."""
    from cuecast.training.export import write_card

    measured = json.loads(scores.read_text())
    figures: dict[str, dict[str, float]] = {}
    for line in (*measured["means"], *measured["sets"]):
        figures.setdefault(line["set"], {})[str(line["shots"])] = round(line["iou"], 3)
    card = json.loads((pack / "card.json").read_text())
    count = sum(line["episodes"] for line in measured["means"])
    about = f"mean IoU by number of cues, {count} episodes of {len(figures) - 1} sets that weights never saw"
    write_card(pack, {**card, "scores": {"measured": about, **figures}})
    print(f"{pack}: {about}: {figures['mean']}")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
