"""The pack `general` with a semantic map beside its own features: a backbone that has seen ImageNet, nothing trained.

    cuecast train recipes/semantic.py --data DATA --pack src/cuecast/packs/general

encode.onnx gets one more output, the maps of EfficientNet-Lite0 (`cuecast.training.backbone`), which one more
closed-form head reads; it has a share of the answer. Where scores are cut and what a confidence means is fitted anew.
DATA as in general.py. Machine, time and scores: LOG.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import runpy
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

SHARE = 0.4
"""Of the answer's logits; chosen on the dev list (LOG.md), as the forest's share was."""
STRENGTH = 0.03
"""Of the ridge regression."""
MULTIPLE = 32
"""Sides of what the encoder sees are multiples of this: the deepest stride of the backbone."""


def main(argv: Sequence[str]) -> None:
    """Put the map into --pack, in its place."""
    parser = argparse.ArgumentParser(prog="cuecast train recipes/semantic.py", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="as of general.py")
    parser.add_argument("--pack", type=Path, required=True, help="pack folder to change")
    options = parser.parse_args(argv)

    from cuecast.training.backbone import ORIGIN
    from cuecast.training.export import replace_pack, write_card

    new = options.pack.with_name(options.pack.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(options.pack, new)
    add_output(new / "encode.onnx")
    add_strength(new / "matcher.npz")
    card = json.loads((new / "card.json").read_text())
    card["preprocessing"] |= {"multiple": MULTIPLE, "semantic_share": SHARE}
    card["backbone"] = ORIGIN
    write_card(new, card)
    # As the pack was: on the sets that its weights know. Those that came since hold near copies, slices of one person.
    known = {entry["name"] for entry in card["data"]}
    others = [f.name for f in (options.data / "train").iterdir() if f.name not in known]
    runpy.run_path(str(Path(__file__).with_name("general.py")))["calibrate"](new, options.data, others)
    replace_pack(new, options.pack)
    print(f"wrote {options.pack}: {sum(f.stat().st_size for f in options.pack.iterdir()) / 1e6:.1f} MB")


def add_output(path: Path) -> None:
    """Join the backbone's graph to the encoder's: the same image in, `semantic` out beside the others."""
    import onnx
    from onnx import compose

    with tempfile.TemporaryDirectory() as folder:
        export_semantic(Path(folder) / "semantic.onnx")
        added = compose.add_prefix(onnx.load(Path(folder) / "semantic.onnx"), "semantic/", rename_edges=True)
    encoder = onnx.load(path)
    for node in added.graph.node:
        node.input[:] = ["image" if name == "semantic/image" else name for name in node.input]
        node.output[:] = ["semantic" if name == "semantic/semantic" else name for name in node.output]
    added.graph.output[0].name = "semantic"
    encoder.graph.node.extend(added.graph.node)
    encoder.graph.initializer.extend(added.graph.initializer)
    encoder.graph.output.extend(added.graph.output)
    onnx.checker.check_model(encoder)
    onnx.save(encoder, path)


def export_semantic(path: Path) -> None:
    """Write the backbone and the joining of its maps as an ONNX file: image (1, 3, H, W) -> semantic."""
    import torch

    from cuecast.training.backbone import join_levels, pretrained
    from cuecast.training.export import export_module

    class Semantic(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = pretrained()

        def forward(self, rgb: torch.Tensor) -> torch.Tensor:
            return join_levels(self.backbone(rgb))

    axes = {"image": {2: "H", 3: "W"}, "semantic": {2: "H8", 3: "W8"}}
    export_module(Semantic().eval(), (torch.rand(1, 3, 96, 128),), path, ["image"], ["semantic"], axes)


def add_strength(path: Path) -> None:
    """State the head's strength beside the other numbers of the matcher."""
    import numpy as np

    with np.load(path, allow_pickle=False) as stored:
        numbers = dict(stored)
    np.savez(path, allow_pickle=False, **{**numbers, "ridge8": np.float32(STRENGTH)})


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
