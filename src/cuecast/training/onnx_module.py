"""An ONNX file as a torch module, so that the weights in it can be trained further, whatever network wrote it.

Only the operators that decoders of packs are made of are known; a file with another one is refused by name. `save`
writes the same file with the weights as they are by then: names, shapes and half precision stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

Operator = Callable[[list[Any], Mapping[str, Any]], Any]


class OnnxModule(nn.Module):
    """The graph of an ONNX file. Called with its inputs by name, it gives its outputs by name.

    Float tables of weights are parameters; the statistics of batch norms stay as they are. Raises RuntimeError where
    the file holds an operator that is not known, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        import onnx
        from onnx import numpy_helper

        super().__init__()
        try:
            self._model = onnx.load(path)
        except Exception as error:
            raise RuntimeError(f"{path}: it is not an ONNX file that can be read ({error})") from error
        self._steps = []
        for node in self._model.graph.node:
            if node.op_type not in OPERATORS and node.op_type != "Constant":
                raise RuntimeError(f"{path}: operator {node.op_type} cannot be trained here")
            told = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            self._steps.append((node.op_type, list(node.input), list(node.output), told))
        self.input_names = [i.name for i in self._model.graph.input]
        self._outputs = [o.name for o in self._model.graph.output]
        fixed = {n for kind, given, _, _ in self._steps if kind == "BatchNormalization" for n in given[3:5]}
        # Of equal tables one may be stored for all, the others stand for it.
        fixed |= {given[0] for kind, given, out, _ in self._steps if kind == "Identity" and out[0] in fixed}
        self._known: dict[str, Tensor] = {}
        self._weights: list[str] = []
        for stored in self._model.graph.initializer:
            values = torch.from_numpy(numpy_helper.to_array(stored).copy())
            if values.is_floating_point() and values.ndim and stored.name not in fixed:
                self.register_parameter(f"w{len(self._weights)}", nn.Parameter(values.float()))
                self._weights.append(stored.name)
            else:
                self._known[stored.name] = values
        for kind, _, out, told in self._steps:
            if kind == "Constant":
                self._known[out[0]] = torch.from_numpy(numpy_helper.to_array(told["value"]).copy())

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The outputs of the graph by name."""
        device = next(self.parameters()).device
        values: dict[str, Any] = {n: v.to(device) for n, v in self._known.items()}
        values |= {n: getattr(self, f"w{i}") for i, n in enumerate(self._weights)}
        values |= {n: inputs[n] for n in self.input_names}
        for kind, given, out, told in self._steps:
            if kind != "Constant":
                values[out[0]] = OPERATORS[kind]([values[n] if n else None for n in given], told)
        return {n: values[n] for n in self._outputs}

    @torch.no_grad()
    def blend(self, other: OnnxModule, share: float) -> None:
        """Move the weights to those of another module of the same file, by a share of the way."""
        for own, theirs in zip(self.parameters(), other.parameters(), strict=True):
            own.lerp_(theirs, share)

    def save(self, path: Path) -> None:
        """Write the file with the weights of now."""
        import onnx
        from onnx import numpy_helper

        now = {n: getattr(self, f"w{i}") for i, n in enumerate(self._weights)}
        for stored in self._model.graph.initializer:
            if stored.name in now:
                kind = numpy_helper.to_array(stored).dtype
                values = now[stored.name].detach().cpu().numpy().astype(kind)
                stored.CopyFrom(numpy_helper.from_array(values, stored.name))
        onnx.save(self._model, path)


def _numbers(values: Any) -> list[int]:
    return [int(v) for v in values.flatten().tolist()]


def _cast(x: list[Any], told: Mapping[str, Any]) -> Any:
    # Weights are kept as float16 and cast when they are read; here they are parameters in float32 from the first.
    kind = {1: torch.float32, 6: torch.int32, 7: torch.int64, 10: torch.float32, 11: torch.float32}
    return x[0].to(kind[told["to"]])


def _conv(x: list[Any], told: Mapping[str, Any]) -> Tensor:
    pads = told.get("pads", [0, 0, 0, 0])
    image = F.pad(x[0], (pads[1], pads[3], pads[0], pads[2])) if any(pads) else x[0]
    bias = x[2] if len(x) > 2 else None
    return F.conv2d(
        image, x[1], bias, told.get("strides", 1), 0, told.get("dilations", 1), told.get("group", 1)
    )


def _batch_norm(x: list[Any], told: Mapping[str, Any]) -> Tensor:
    image, scale, bias, mean, variance = x
    return F.batch_norm(image, mean, variance, scale, bias, False, 0.0, told.get("epsilon", 1e-5))


def _resize(x: list[Any], told: Mapping[str, Any]) -> Tensor:
    if told.get("mode") != b"linear" or told.get("coordinate_transformation_mode") != b"half_pixel":
        raise RuntimeError("only linear resizing about half pixels can be trained here")
    if len(x) > 3 and x[3] is not None:
        size = _numbers(x[3])[-2:]
    else:
        scales = [float(v) for v in x[2].flatten().tolist()[-2:]]
        size = [int(n * s) for n, s in zip(x[0].shape[-2:], scales, strict=True)]
    return F.interpolate(x[0], size=size, mode="bilinear", align_corners=False)


def _slice(x: list[Any], _: Mapping[str, Any]) -> Tensor:
    starts, ends = _numbers(x[1]), _numbers(x[2])
    axes = _numbers(x[3]) if len(x) > 3 and x[3] is not None else list(range(len(starts)))
    steps = _numbers(x[4]) if len(x) > 4 and x[4] is not None else [1] * len(starts)
    where = [slice(None)] * x[0].ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        where[axis] = slice(start, end, step)
    part: Tensor = x[0][tuple(where)]
    return part


def _gather(x: list[Any], told: Mapping[str, Any]) -> Tensor:
    index, axis = x[1].long(), told.get("axis", 0)
    taken: Tensor = torch.index_select(x[0], axis, index.flatten())
    shape = x[0].shape
    return taken.reshape([*shape[:axis], *index.shape, *shape[axis + 1 :]])


def _gemm(x: list[Any], told: Mapping[str, Any]) -> Tensor:
    a = x[0].T if told.get("transA") else x[0]
    b = x[1].T if told.get("transB") else x[1]
    product: Tensor = told.get("alpha", 1.0) * (a @ b)
    return product + told.get("beta", 1.0) * x[2] if len(x) > 2 else product


def _reduced(x: list[Any], told: Mapping[str, Any]) -> tuple[list[int], bool]:
    axes = told.get("axes") or (_numbers(x[1]) if len(x) > 1 and x[1] is not None else range(x[0].ndim))
    return list(axes), bool(told.get("keepdims", 1))


def _unsqueeze(x: list[Any], told: Mapping[str, Any]) -> Tensor:
    out: Tensor = x[0]
    for axis in sorted(told.get("axes") or _numbers(x[1])):
        out = out.unsqueeze(axis)
    return out


def _filled(x: list[Any], told: Mapping[str, Any]) -> Tensor:
    from onnx import numpy_helper

    value = numpy_helper.to_array(told["value"]) if "value" in told else np.zeros(1, np.float32)
    return torch.full(_numbers(x[0]), float(value[0]), dtype=torch.from_numpy(value.copy()).dtype)


def _shape(values: Any, x: Sequence[int]) -> list[int]:
    """The shape of a Reshape: 0 takes the length as it is."""
    return [x[i] if n == 0 else n for i, n in enumerate(_numbers(values))]


OPERATORS: dict[str, Operator] = {
    "Add": lambda x, _: x[0] + x[1],
    "AveragePool": lambda x, t: F.avg_pool2d(x[0], t["kernel_shape"], t["strides"]),
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": lambda x, _: x[0].clamp(float(x[1]), float(x[2])),
    "Concat": lambda x, t: torch.cat(x, t["axis"]),
    "ConstantOfShape": _filled,
    "Conv": _conv,
    "Div": lambda x, _: x[0] / x[1],
    "Gather": _gather,
    "Gemm": _gemm,
    "Identity": lambda x, _: x[0],
    "Mul": lambda x, _: x[0] * x[1],
    "ReduceMax": lambda x, t: x[0].amax(*_reduced(x, t)),
    "ReduceMean": lambda x, t: x[0].mean(*_reduced(x, t)),
    "ReduceSum": lambda x, t: x[0].sum(*_reduced(x, t)),
    "Relu": lambda x, _: F.relu(x[0]),
    "Reshape": lambda x, _: x[0].reshape(_shape(x[1], x[0].shape)),
    "Resize": _resize,
    "Shape": lambda x, _: torch.tensor(x[0].shape),
    "Slice": _slice,
    "Sqrt": lambda x, _: x[0].sqrt(),
    "Sub": lambda x, _: x[0] - x[1],
    "Unsqueeze": _unsqueeze,
}
"""ONNX operators (opset 17), in their terms: inputs in order, attributes by name."""
