"""A decoder's file that answers several classes at once says of each what it says of it alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train, not to run")
onnx = pytest.importorskip("onnx", reason="onnx is needed to export")

import onnxruntime  # noqa: E402
from torch import nn  # noqa: E402

from cuecast.training.sharing import CLASSES, share_among_classes  # noqa: E402


class Small(nn.Module):
    """A map of the image and two of a class, joined twice: before a norm, and without one."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(16 + 3 + 1, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.second = nn.Conv2d(16 + 16 + 1, 2, 1)

    def forward(self, image: torch.Tensor, told: torch.Tensor, ridge: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.first(torch.cat([told, image, ridge], 1))))
        return self.second(torch.cat([x, image, ridge], 1)) + ridge


def export(path: Path) -> Path:
    torch.manual_seed(0)
    module = Small().eval()
    with torch.no_grad():
        for values in (
            module.norm.weight,
            module.norm.bias,
            module.norm.running_mean,
            module.norm.running_var,
        ):
            values.add_(0.3 * torch.rand_like(values))
    example = tuple(torch.rand(1, c, 6, 5) for c in (16, 3, 1))
    names = ["image", "told", "ridge"]
    torch.onnx.export(
        module,
        example,
        str(path),
        input_names=names,
        output_names=["out"],
        dynamic_axes={n: {2: "H", 3: "W"} for n in (*names, "out")},
        opset_version=17,
        dynamo=False,
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
    )
    return path


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_classes_together_are_answered_as_alone_from_the_same_weights(tmp_path: Path) -> None:
    path = export(tmp_path / "decode.onnx")
    weights = {i.name for i in onnx.load(path).graph.initializer}
    alone = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    share_among_classes(path, ["image"])
    together = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert {i.name: i.shape[0] for i in together.get_inputs()} == {
        "image": 1,
        "told": CLASSES,
        "ridge": CLASSES,
    }
    assert weights <= {i.name for i in onnx.load(path).graph.initializer}
    rng = np.random.default_rng(0)
    image = rng.normal(size=(1, 16, 7, 9)).astype(np.float32)
    told, ridge = (rng.normal(size=(4, c, 7, 9)).astype(np.float32) for c in (3, 1))
    (found,) = together.run(None, {"image": image, "told": told, "ridge": ridge})
    for k in range(4):
        (expected,) = alone.run(None, {"image": image, "told": told[k : k + 1], "ridge": ridge[k : k + 1]})
        np.testing.assert_allclose(found[k], expected[0], atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_input_that_is_not_read_by_convolutions_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ridge is not read by a convolution alone"):
        share_among_classes(export(tmp_path / "decode.onnx"), ["ridge"])
