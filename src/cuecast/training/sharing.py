"""A decoder's file, rewritten so that one run answers several classes of one image.

Inputs that say something of a class get the open first axis `CLASSES`. Those that say something of the image alone
keep 1 there: a convolution over both is written as the sum of two, of which that over the image is computed once for
all classes. The sum's parts have whole blocks of channels where they can, which ONNX Runtime computes several times
faster than odd numbers of them. Weights stay in the file as they are, under their own names; their parts are cut, and
the batch norm that follows is folded in, when the file is loaded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = "classes"
BLOCK = 16
"""Channels that ONNX Runtime computes at once on a wide CPU."""
SIDE = 64


def share_among_classes(path: Path, shared: Collection[str]) -> None:
    """Rewrite the ONNX file; `shared` names its inputs that all classes have in common.

    Raises RuntimeError where the file uses one of these other than in a convolution beside others.
    """
    import onnx

    model = onnx.load(path)
    graph = model.graph
    joined = _joined(graph)
    channels = _channels(model, {name for _, concat in joined for name in concat.input})
    for conv, concat in joined:
        _split(graph, conv, concat, channels, shared)
    used = {name for node in graph.node if node.op_type != "Conv" for name in node.input} & set(shared)
    if used:
        raise RuntimeError(
            f"{path.name}: {sorted(used)[0]} is not read by a convolution alone: it is not shared"
        )
    for value in (*graph.input, *graph.output):
        first = value.type.tensor_type.shape.dim[0]
        if value.name in shared:
            first.dim_value = 1
        else:
            first.dim_param = CLASSES
    del graph.value_info[:]
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _joined(graph: Any) -> list[tuple[Any, Any]]:
    """Copies of the convolutions that alone read several maps put together, and of the nodes that do so."""
    concats = {n.output[0]: n for n in graph.node if n.op_type == "Concat"}
    read = Counter(name for node in graph.node for name in node.input)
    found = [n for n in graph.node if n.op_type == "Conv" and n.input[0] in concats and read[n.input[0]] == 1]
    return [(deepcopy(n), deepcopy(concats[n.input[0]])) for n in found]


def _channels(model: Any, names: Collection[str]) -> dict[str, int]:
    """The number of channels of the maps of these names: seen when the decoder answers an image of `SIDE` pixels."""
    import onnx
    import onnxruntime

    asked = deepcopy(model)
    del asked.graph.output[:]
    asked.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(names))
    given = {}
    for value in model.graph.input:
        _, channels, *sides = value.type.tensor_type.shape.dim
        # Open sides are called by their stride: 'H8' is an eighth of the image's height.
        open_sides = [d.dim_value or SIDE // int(d.dim_param[1:] or 1) for d in sides]
        given[value.name] = np.zeros((1, channels.dim_value, *open_sides), np.float32)
    session = onnxruntime.InferenceSession(asked.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(sorted(names), given)
    return {name: values.shape[1] for name, values in zip(sorted(names), found, strict=True)}


def _split(graph: Any, conv: Any, concat: Any, channels: dict[str, int], shared: Collection[str]) -> None:
    """Put the sum of convolutions over the parts of `concat` in the place of `conv` and the norm behind it."""
    norms = [n for n in graph.node if n.op_type == "BatchNormalization" and n.input[0] == conv.output[0]]
    norm = norms[0] if norms and len(conv.input) == 2 else None
    new = _Nodes(conv.output[0])
    if norm is not None:
        weight, bias = _fold(new, conv, norm)
    else:
        weight, bias = conv.input[1], conv.input[2] if len(conv.input) > 2 else ""
    ends = np.cumsum([0, *(channels[name] for name in concat.input)]).tolist()
    place = dict(zip(concat.input, pairwise(ends), strict=True))
    sums: list[str] = []
    for part in _parts(list(concat.input), channels, shared):
        maps = part[0] if len(part) == 1 else new.add("Concat", *part, axis=1)
        cuts = [new.add("Slice", weight, *new.integers(*place[name], 1)) for name in part]
        kernel = cuts[0] if len(cuts) == 1 else new.add("Concat", *cuts, axis=1)
        sums.append(new.add("Conv", maps, kernel, *([bias] if bias and not sums else [])))
        new.nodes[-1].attribute.extend(conv.attribute)
    total = sums[0]
    for other in sums[1:]:
        total = new.add("Add", total, other)
    end = (conv if norm is None else norm).output[0]
    new.nodes[-1].output[0] = end
    gone = {conv.output[0], concat.output[0], end}
    left = [
        new.nodes if n.output[0] == conv.output[0] else [n] * (n.output[0] not in gone) for n in graph.node
    ]
    replaced = [deepcopy(n) for part in left for n in part]
    del graph.node[:]
    graph.node.extend(replaced)


class _Nodes:
    """Nodes that take the place of one, each with a name of its own."""

    def __init__(self, stem: str) -> None:
        self.stem = stem
        self.nodes: list[Any] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """One more; returns the name of what it gives."""
        from onnx import helper

        name = f"{self.stem}/{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def integers(self, *values: int) -> list[str]:
        """Constants of one integer each."""
        return [self.constant(np.array([value], np.int64)) for value in values]

    def constant(self, values: Any) -> str:
        """One constant."""
        from onnx import numpy_helper

        return self.add("Constant", value=numpy_helper.from_array(np.asarray(values)))


def _fold(new: _Nodes, conv: Any, norm: Any) -> tuple[str, str]:
    """The names of weight and bias of a convolution with the norm behind it, as ONNX Runtime would join them."""
    epsilon = next(a.f for a in norm.attribute if a.name == "epsilon")
    gamma, beta, mean, variance = norm.input[1:5]
    spread = new.add("Sqrt", new.add("Add", variance, new.constant(np.float32(epsilon))))
    factor = new.add("Div", gamma, spread)
    column = new.add("Reshape", factor, new.constant(np.array([-1, 1, 1, 1], np.int64)))
    return new.add("Mul", conv.input[1], column), new.add("Sub", beta, new.add("Mul", mean, factor))


def _parts(names: Sequence[str], channels: dict[str, int], shared: Collection[str]) -> list[list[str]]:
    """The inputs of a convolution in parts: what has whole blocks of channels alone, of the rest what is of a class
    together, last what all classes share, one by one."""
    of_class = [n for n in names if n not in shared]
    whole = [[n] for n in of_class if channels[n] % BLOCK == 0]
    rest = [n for n in of_class if channels[n] % BLOCK]
    common = [[n] for n in names if n in shared]
    return [part for part in (*whole, rest, *common) if part]
