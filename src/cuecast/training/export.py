"""From a training run to a pack: encode.onnx, decode.onnx, matcher.npz, card.json; checked against torch.

The ONNX files hold the network's parameters under their own names, batch norms included (ONNX Runtime folds them into
the convolutions when it loads), so that a run can go on from a pack: `load_pack`.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cuecast.io.files import put_folder
from cuecast.training.network import (
    AGREEMENT_DIM,
    CONTEXT_DIM,
    EVIDENCE8,
    FINE_DIM,
    PLACE_DIM,
    TEXTURE_DIM,
    Decoder,
    Encoder,
    Features,
    Network,
)

TOLERANCE = 0.02
"""Largest difference between torch and ONNX Runtime that an export may show, over the output's own spread: weights are
stored as float16, which is good for three digits."""
SHARED = ("context", "fine", "texture")
"""What the decoder reads of the image alone: the same for all classes."""
CLASSES = "classes"
"""The name of the open first axis of what says something of a class."""
HALF = "_half"
"""What the names of weights stored as float16 end in."""


def load_network(checkpoint: Path) -> Network:
    """The averaged weights of a run, in running mode."""
    network = Network()
    network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["averaged"])
    return network.eval()


def load_pack(folder: Path) -> Network:
    """The network of a pack that `export_pack` wrote, in running mode; weights as exact as float16 keeps them.

    Raises RuntimeError where the pack's parameters are not those of this version's network.
    """
    import onnx
    from onnx import numpy_helper

    network = Network()
    for part, name in ((network.encoder, "encode.onnx"), (network.decoder, "decode.onnx")):
        found = {
            i.name.removesuffix(HALF): torch.from_numpy(numpy_helper.to_array(i).astype(np.float32))
            for i in onnx.load(folder / name).graph.initializer
        }
        state = part.state_dict()
        learned = {k for k in state if not k.endswith("num_batches_tracked") and ".gauss" not in k}
        if wrong := sorted(k for k in learned if k not in found or found[k].shape != state[k].shape):
            raise RuntimeError(
                f"{folder / name}: {wrong[0]} is missing or of another shape; start without this pack"
            )
        part.load_state_dict({**state, **{k: found[k] for k in learned}})
    with np.load(folder / "matcher.npz", allow_pickle=False) as stored:
        network.evidence.load_numbers({k: torch.from_numpy(stored[k]) for k in stored})
    return network.eval()


def export_pack(network: Network, folder: Path, card: dict[str, Any]) -> Path:
    """Write the pack's files, check them, and state their checksums in the card. Raises RuntimeError on a mismatch."""
    folder.mkdir(parents=True, exist_ok=True)
    _export_encoder(network.encoder, folder / "encode.onnx")
    _export_decoder(network.decoder, folder / "decode.onnx")
    numbers = {k: v.numpy() for k, v in network.evidence.numbers().items()}
    np.savez(folder / "matcher.npz", allow_pickle=False, **numbers)
    write_card(folder, card)
    return folder


def replace_pack(new: Path, folder: Path) -> None:
    """Put a finished pack in the place of the one in `folder`, if there is one."""
    put_folder(new, folder)


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Write card.json with the checksums of the pack's files."""
    names = ("encode.onnx", "decode.onnx", "matcher.npz")
    files = {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in names}
    text = json.dumps({**card, "files": files}, indent=2, ensure_ascii=False)
    (folder / "card.json").write_text(text + "\n", encoding="utf-8")


def _export_encoder(encoder: Encoder, path: Path) -> None:
    image = torch.rand(1, 3, 96, 128)
    axes = {"image": {2: "H", 3: "W"}} | {
        name: {2: f"H{s}", 3: f"W{s}"} for name, s in zip(Features._fields, (2, 4, 8, 8, 8, 8), strict=True)
    }
    export_module(encoder, (image,), path, ["image"], list(Features._fields), axes)
    _check(encoder, (torch.rand(1, 3, 160, 96),), path, ["image"])


def _export_decoder(decoder: Decoder, path: Path) -> None:
    maps = {
        "context": (CONTEXT_DIM, 8),
        "fine": (FINE_DIM, 4),
        "texture": (TEXTURE_DIM, 2),
        "evidence8": (EVIDENCE8, 8),
        "place": (PLACE_DIM, 8),
        "ridge8": (2, 8),
        "ridge4": (1, 4),
        "ridge2": (1, 2),
        "forest": (1, 2),
    }
    names = [*maps, "agreement"]
    sides = {n: {2: f"H{s}", 3: f"W{s}"} for n, (_, s) in maps.items()}
    axes = {n: side | ({} if n in SHARED else {0: CLASSES}) for n, side in sides.items()}
    axes |= {"agreement": {0: CLASSES}, "there": {0: CLASSES}}
    axes |= {n: {0: CLASSES, 2: "H2", 3: "W2"} for n in ("logits", "depth")}

    def example(count: int, height: int, width: int) -> tuple[torch.Tensor, ...]:
        drawn = (
            torch.randn(1 if n in SHARED else count, c, height // s, width // s) for n, (c, s) in maps.items()
        )
        return (*drawn, torch.rand(count, AGREEMENT_DIM))

    export_module(decoder, example(2, 96, 128), path, names, ["logits", "depth", "there"], axes)
    _check(decoder, example(3, 160, 96), path, names)


def export_module(
    module: torch.nn.Module,
    example: tuple[torch.Tensor, ...],
    path: Path,
    inputs: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> None:
    """Write a module as an ONNX file, large weights as float16; `axes`: the names of sides that may differ."""
    with warnings.catch_warnings():
        # The newer exporter specialises the sides of the image; this one keeps them open, and warns of its age.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            example,
            str(path),
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
    _store_as_half(path)


def _store_as_half(path: Path) -> None:
    """Keep large weights as float16, cast when the file is loaded: half the size, computed in float32 as before."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(path)
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < 1024:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + HALF))
        casts.append(helper.make_node("Cast", [name + HALF], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def _check(module: torch.nn.Module, example: tuple[torch.Tensor, ...], path: Path, inputs: list[str]) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    once = {i.name for i in session.get_inputs() if i.shape[0] == 1}
    given = {n: (e[:1] if n in once else e).numpy() for n, e in zip(inputs, example, strict=True)}
    found = session.run(None, given)
    with torch.no_grad():
        expected = module(*example)
    expected = [expected] if isinstance(expected, torch.Tensor) else list(expected)
    for name, a, b in zip((o.name for o in session.get_outputs()), found, expected, strict=True):
        worst = float(np.abs(a - b.numpy()).max() / max(1.0, b.std(correction=0).item()))
        if worst > TOLERANCE:
            raise RuntimeError(
                f"{path.name}: output {name} differs from torch by {worst:.2g} (at most {TOLERANCE})"
            )
