"""The numpy matcher and the exported files compute what the torch network computes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train, not to run")

from cuecast.engine.matcher import CueTile, FeatureMaps, MatcherWeights, evidence, learn  # noqa: E402
from cuecast.engine.packs import open_pack  # noqa: E402
from cuecast.training.export import export_pack, load_pack  # noqa: E402
from cuecast.training.network import EVIDENCE8, FILTER_DIM, Features, Network, mix_networks  # noqa: E402

PREPROCESSING = {
    "side": 96,
    "most": 192,
    "thickness": 6,
    "tile": 96,
    "overlap": 32,
    "texture": 16,
    "forest_share": 0.4,
    "multiple": 32,
}


def _maps(features: Features, i: int) -> FeatureMaps:
    return FeatureMaps(*(m[i].numpy() for m in features))


def _weights(network: Network) -> MatcherWeights:
    n = {name: value.numpy() for name, value in network.evidence.numbers().items()}
    ridges = {name: float(n[name]) for name in ("ridge4", "ridge2", "ridge8")}
    return MatcherWeights(temperature=n["temperature"], hidden=n["hidden"], bias=n["bias"], **ridges)


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    net = Network().eval()
    # Fresh norms have trivial statistics; give the features some spread, and each norm numbers of its own.
    with torch.no_grad():
        net.train()
        for _ in range(4):
            net.encoder(torch.rand(2, 3, 64, 64))
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for values in (module.weight, module.bias, module.running_mean, module.running_var):
                    values.add_(0.1 * torch.rand_like(values))
    return net.eval()


@torch.no_grad()
@pytest.mark.parametrize("shots", [1, 2, 5])
def test_numpy_matcher_equals_torch_evidence(network: Network, shots: int) -> None:
    torch.manual_seed(shots)
    features = network.encoder(torch.rand(shots + 1, 3, 64, 96))
    positive = (torch.rand(shots, 1, 64, 96) > 0.6).float()
    negative = (1 - positive) * (torch.rand(shots, 1, 64, 96) > 0.2)
    cues, query = (Features(*(m[part] for m in features)) for part in (slice(shots), slice(shots, None)))
    expected = network.evidence(cues, positive, negative, query, samples=10**6)
    weights, at = _weights(network), np.zeros((0, 32, 48), np.float32)
    shown = [
        CueTile(_maps(features, i), positive[i, 0].numpy(), negative[i, 0].numpy(), at, i)
        for i in range(shots)
    ]
    found = evidence(learn(shown, weights), _maps(features, shots), weights)
    said = {name: value for name, value in vars(found).items() if value is not None}
    assert len(said) == len(expected)
    for (name, a), b in zip(said.items(), expected, strict=True):
        np.testing.assert_allclose(a, b.numpy().reshape(a.shape), atol=1e-3, rtol=1e-3, err_msg=name)


@torch.no_grad()
def test_classes_are_decoded_together_as_one_by_one(network: Network) -> None:
    torch.manual_seed(2)
    features = network.encoder(torch.rand(1, 3, 64, 96))
    texture = features.pixel[:, FILTER_DIM:]
    own = [
        torch.randn(3, *shape)
        for shape in ((EVIDENCE8, 8, 12), (2, 8, 12), (2, 8, 12), (1, 16, 24), (1, 32, 48), (1, 32, 48), (7,))
    ]
    together = network.decoder(features.context, features.fine, texture, *own)
    for k in range(3):
        alone = network.decoder(features.context, features.fine, texture, *(m[k : k + 1] for m in own))
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[k : k + 1], b, atol=1e-4, rtol=1e-4)


@pytest.fixture(scope="module")
def exported(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as a pack."""
    card = {
        "version": 1,
        "name": "fresh",
        "segmenter": "matching",
        "preprocessing": PREPROCESSING,
        "thresholds": {},
    }
    return export_pack(network, tmp_path_factory.mktemp("packs") / "fresh", card)


def test_exported_pack_loads_and_has_its_checksums(exported: Path) -> None:
    open_pack(exported).verify()
    assert set(json.loads((exported / "card.json").read_text())["files"]) == {
        "encode.onnx",
        "decode.onnx",
        "matcher.npz",
    }
    assert sum(f.stat().st_size for f in exported.iterdir()) < 25e6


def test_network_of_a_pack_is_the_one_that_was_exported(network: Network, exported: Path) -> None:
    loaded = load_pack(exported)
    for name, expected in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            found = loaded.state_dict()[name]
            torch.testing.assert_close(
                found, expected, atol=1e-3, rtol=1e-3, msg=lambda m, n=name: f"{n}: {m}"
            )


def test_pack_of_another_network_is_refused(exported: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "other")
    (folder / "encode.onnx").write_bytes((folder / "decode.onnx").read_bytes())
    with pytest.raises(RuntimeError, match=r"encode\.onnx: .* is missing or of another shape"):
        load_pack(folder)


def test_networks_are_mixed_weights_and_statistics(network: Network) -> None:
    torch.manual_seed(3)
    other, mixed = Network().eval(), Network().eval()
    mixed.load_state_dict(network.state_dict())
    mix_networks(mixed, other, 0.25)
    name = "decoder.meet8.norm.running_var"
    assert mixed.state_dict().keys() == network.state_dict().keys()
    for key in ("encoder.fine.weight", name):
        a, b, c = (n.state_dict()[key] for n in (network, other, mixed))
        assert torch.allclose(c, 0.75 * a + 0.25 * b, atol=1e-6)
