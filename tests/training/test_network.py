"""The numpy matcher and the exported files compute what the torch network computes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train, not to run")

from cuecast.matcher import FeatureMaps, MatcherWeights, Shown, evidence, learn  # noqa: E402
from cuecast.segmenters.packs import open_pack  # noqa: E402
from cuecast.training.export import export_pack  # noqa: E402
from cuecast.training.network import Features, Network  # noqa: E402

PREPROCESSING = {
    "side": 96,
    "most": 192,
    "thickness": 6,
    "tile": 96,
    "overlap": 32,
    "texture": 16,
    "forest": 0.5,
}


def _maps(features: Features, i: int) -> FeatureMaps:
    return FeatureMaps(*(m[i].numpy() for m in features))


def _weights(network: Network) -> MatcherWeights:
    e = network.evidence
    soft = torch.nn.functional.softplus
    return MatcherWeights(
        e.temperature.detach().exp().numpy(),
        float(soft(e.ridge4)),
        float(soft(e.ridge2)),
        e.hidden.weight.detach().numpy(),
        e.hidden.bias.detach().numpy(),
    )


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    net = Network().eval()
    # Fresh norms have trivial statistics; give the features some spread.
    with torch.no_grad():
        net.train()
        for _ in range(4):
            net.encoder(torch.rand(2, 3, 64, 64))
    return net.eval()


@torch.no_grad()
def test_numpy_matcher_equals_torch_evidence(network: Network) -> None:
    torch.manual_seed(1)
    features = network.encoder(torch.rand(3, 3, 64, 96))
    positive = (torch.rand(2, 1, 64, 96) > 0.6).float()
    negative = (1 - positive) * (torch.rand(2, 1, 64, 96) > 0.2)
    cues, query = Features(*(m[:2] for m in features)), Features(*(m[2:] for m in features))
    expected = network.evidence(cues, positive, negative, query, samples=10**6)
    weights = _weights(network)
    shown = [Shown(_maps(features, i), positive[i, 0].numpy(), negative[i, 0].numpy()) for i in range(2)]
    found = evidence(learn(shown, weights), _maps(features, 2), weights)
    for name, a, b in zip(("attention", "ridge4", "ridge2"), found, expected, strict=True):
        np.testing.assert_allclose(a, b[0].numpy(), atol=2e-3, rtol=1e-3, err_msg=name)


def test_exported_pack_loads_and_has_its_checksums(network: Network, tmp_path: Path) -> None:
    card = {
        "version": 1,
        "name": "fresh",
        "segmenter": "matching",
        "preprocessing": PREPROCESSING,
        "thresholds": {},
    }
    folder = export_pack(network, tmp_path / "fresh", card)
    pack = open_pack(folder)
    pack.verify()
    assert set(json.loads((folder / "card.json").read_text())["files"]) == {
        "encode.onnx",
        "decode.onnx",
        "matcher.npz",
    }
    assert sum(f.stat().st_size for f in folder.iterdir()) < 25e6
