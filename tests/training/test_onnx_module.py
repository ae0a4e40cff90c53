"""The decoders of packs in torch: the same answers as ONNX Runtime's, and the same file again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from cuecast.engine.packs import WHEEL_PACKS  # noqa: E402
from cuecast.training.export import _export_decoder  # noqa: E402
from cuecast.training.network import Network  # noqa: E402
from cuecast.training.onnx_module import OnnxModule  # noqa: E402

STRIDES = {"fine": 4, "ridge4": 4, "texture": 2, "ridge2": 2, "forest": 2}


@pytest.fixture(params=["of this version's network", "of the pack general"])
def decoder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A decode.onnx."""
    if request.param == "of the pack general":
        return WHEEL_PACKS / "general" / "decode.onnx"
    torch.manual_seed(1)
    path = tmp_path / "decode.onnx"
    _export_decoder(Network().eval().decoder, path)
    return path


def drawn(path: Path, classes: int) -> dict[str, torch.Tensor]:
    """Inputs for a frame of 64 x 96."""
    import onnxruntime

    torch.manual_seed(2)
    inputs = {}
    for i in onnxruntime.InferenceSession(str(path)).get_inputs():
        stride = STRIDES.get(i.name, 8)
        sides = (64 // stride, 96 // stride) if len(i.shape) == 4 else ()
        inputs[i.name] = torch.randn(1 if i.shape[0] == 1 else classes, i.shape[1], *sides)
    return inputs


def run(path: Path, inputs: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    found = session.run(None, {name: values.numpy() for name, values in inputs.items()})
    return {o.name: values for o, values in zip(session.get_outputs(), found, strict=True)}


def test_answers_are_those_of_onnx_runtime(decoder: Path) -> None:
    inputs = drawn(decoder, 3)
    said = OnnxModule(decoder)(inputs)
    for name, expected in run(decoder, inputs).items():
        np.testing.assert_allclose(said[name].detach().numpy(), expected, atol=2e-5, rtol=1e-4)


def test_what_was_trained_is_what_the_file_says(decoder: Path, tmp_path: Path) -> None:
    module, inputs = OnnxModule(decoder), drawn(decoder, 2)
    before = run(decoder, inputs)["logits"]
    module(inputs)["logits"].square().mean().backward()
    moved = [p for p in module.parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    assert len(moved) >= 25
    with torch.no_grad():
        for p in moved:
            p -= 0.01 * p.grad / p.grad.norm()
    module.save(tmp_path / "trained.onnx")
    after = run(tmp_path / "trained.onnx", inputs)["logits"]
    assert (after**2).mean() < (before**2).mean()
    # Large weights are stored as float16 again.
    np.testing.assert_allclose(after, module(inputs)["logits"].detach().numpy(), atol=0.02)
    assert (tmp_path / "trained.onnx").stat().st_size == pytest.approx(decoder.stat().st_size, rel=0.01)


def test_weights_go_a_share_of_the_way_to_others(decoder: Path) -> None:
    moved, fixed = OnnxModule(decoder), OnnxModule(decoder)
    with torch.no_grad():
        for p in moved.parameters():
            p += 1.0
    moved.blend(fixed, 0.25)
    for p, q in zip(moved.parameters(), fixed.parameters(), strict=True):
        torch.testing.assert_close(p, q + 0.75)


def test_a_file_that_cannot_be_trained_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(RuntimeError, match=r"broken.onnx: it is not an ONNX file"):
        OnnxModule(tmp_path / "broken.onnx")
    node = onnx.helper.make_node("Softmax", ["x"], ["y"])
    values = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in "xy"]
    onnx.save(
        onnx.helper.make_model(onnx.helper.make_graph([node], "one", values[:1], values[1:])),
        tmp_path / "soft.onnx",
    )
    with pytest.raises(RuntimeError, match=r"soft.onnx: operator Softmax cannot be trained"):
        OnnxModule(tmp_path / "soft.onnx")
