"""The backbone is the published network: its shapes, its padding, and weights in the order of the layers."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train, not to run")

from cuecast.training.backbone import (  # noqa: E402
    JOINED,
    Backbone,
    SameConv,
    fill,
    join_levels,
    main_directions,
    pretrained,
    scaled_stages,
)


@pytest.mark.parametrize(
    ("variant", "widths", "repeats"),
    [
        ("lite0", [16, 24, 40, 80, 112, 192, 320], [1, 2, 2, 3, 3, 4, 1]),
        ("lite1", [16, 24, 40, 80, 112, 192, 320], [1, 3, 3, 4, 4, 5, 1]),
        ("lite2", [16, 24, 48, 88, 120, 208, 352], [1, 3, 3, 4, 4, 5, 1]),
    ],
)
def test_variants_have_the_published_widths_and_depths(
    variant: str, widths: list[int], repeats: list[int]
) -> None:
    stages = scaled_stages(variant)
    assert [s.width for s in stages] == widths
    assert [s.repeats for s in stages] == repeats


def test_a_stride_of_two_pads_after_the_image() -> None:
    """As TensorFlow's SAME: of a row 1 2 3 4, a kernel of three ones at stride 2 sees 1 2 3 and 3 4."""
    conv = SameConv(1, 1, 3, 2, bias=False)
    torch.nn.init.zeros_(conv.weight)
    conv.weight.data[0, 0, 0] = 1
    row = torch.tensor([[[[1.0, 2, 3, 4], [0, 0, 0, 0]]]])
    assert conv(row).flatten().tolist() == [6, 7]


def test_maps_come_at_every_stride() -> None:
    maps = Backbone().eval()(torch.rand(2, 3, 64, 96))
    assert {s: tuple(m.shape) for s, m in maps.items()} == {
        2: (2, 16, 32, 48),
        4: (2, 24, 16, 24),
        8: (2, 40, 8, 12),
        16: (2, 112, 4, 6),
        32: (2, 320, 2, 3),
    }
    joined = join_levels(maps)
    assert joined.shape == (2, sum(maps[s].shape[1] for s in JOINED), 8, 12)
    assert (joined**2).sum(1).sqrt().max() < len(JOINED) ** 0.5 + 1e-3


def test_weights_are_filled_in_by_their_order() -> None:
    torch.manual_seed(0)
    source = Backbone()
    published = OrderedDict((f"_blocks.{i}", v) for i, v in enumerate(source.state_dict().values()))
    published["_fc.weight"] = torch.rand(3)
    found = fill(Backbone(), published).state_dict()
    assert all(torch.equal(found[k], v) for k, v in source.state_dict().items())
    with pytest.raises(RuntimeError, match="has shape"):
        fill(Backbone(), OrderedDict((k, v) for k, v in list(published.items())[1:]))


def test_the_published_weights_know_a_face() -> None:
    """Its own classifier is not kept; but the mean feature of a photograph is its own, not another's."""
    data = pytest.importorskip("skimage.data")
    backbone = pretrained("lite0")
    cat, rocket = (_mean(backbone, picture()) for picture in (data.chelsea, data.rocket))
    mirrored = _mean(backbone, np.ascontiguousarray(data.chelsea()[:, ::-1]))
    assert _alike(cat, mirrored) > 0.9 > 0.8 > _alike(cat, rocket)


def _mean(backbone: Backbone, picture: np.ndarray) -> torch.Tensor:
    threshold = torch.from_numpy(picture[:288, :416].copy()).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        return backbone(threshold)[32].mean((2, 3))[0]


def _alike(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.cosine_similarity(a, b, dim=0))


def test_main_directions_are_orthogonal_and_the_largest() -> None:
    torch.manual_seed(0)
    pictures = [np.random.default_rng(i).integers(0, 255, (40, 50, 3), np.uint8) for i in range(3)]
    backbone = Backbone().eval()
    few, more = (main_directions(backbone, pictures, n) for n in (4, 8))
    torch.testing.assert_close(few @ few.T, torch.eye(4), atol=1e-4, rtol=0)
    torch.testing.assert_close((few @ more.T).abs(), torch.eye(4, 8), atol=1e-3, rtol=0)
