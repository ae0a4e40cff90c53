"""The classifier beside the tasks: what it is shown, and that the features learn from it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train, not to run")

from cuecast.training.answers import Classified, Classifier  # noqa: E402
from cuecast.training.batches import BatchShape, draw_batch  # noqa: E402
from cuecast.training.network import FINE_DIM, KEY_DIM, KEY_HEADS, Features  # noqa: E402
from cuecast.training.sets import PictureSet  # noqa: E402

SIDE = 32


def split(name: str, left: int, right: int) -> PictureSet:
    """Pictures whose left half is of one class and whose right half of another."""
    mask = np.full((96, 96), left, np.uint8)
    mask[:, 48:] = right
    pictures = tuple(np.random.default_rng(i).integers(0, 255, (96, 96, 3), np.uint8) for i in range(4))
    kinds = {c: tuple(range(4)) for c in (left, right) if c}
    return PictureSet(name, pictures, (mask,) * 4, kinds, dict.fromkeys(kinds, ()), dict.fromkeys(kinds, 0.5))


def features(fine: torch.Tensor) -> Features:
    """Features of which only the fine ones say anything."""
    count = len(fine)
    none = torch.zeros(count, 1, 1, 1)
    return Features(
        none, fine, torch.zeros(count, KEY_HEADS * KEY_DIM, SIDE // 8, SIDE // 8), none, none, none
    )


def test_a_guess_costs_one_whatever_the_number_of_classes() -> None:
    sets = (split("few", 0, 1), split("many", 2, 9))
    labels = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)
    labels[:, :, SIDE // 2 :] = 1
    for name in ("few", "many"):
        loss = Classifier(sets).loss(
            features(torch.randn(2, FINE_DIM, SIDE // 4, SIDE // 4)), [Classified(name, 0, labels)]
        )
        assert float(loss.detach()) == pytest.approx(1.0, abs=1e-5)


def test_what_is_unknown_costs_nothing() -> None:
    classifier = Classifier((split("few", 0, 1),))
    for value in (255, 7):
        labels = torch.full((1, SIDE, SIDE), value, dtype=torch.uint8)
        fine = torch.randn(1, FINE_DIM, SIDE // 4, SIDE // 4, requires_grad=True)
        loss = classifier.loss(features(fine), [Classified("few", 0, labels)])
        loss.backward()
        assert float(loss.detach()) == 0
        assert not fine.grad.any()


def test_classes_of_one_set_are_not_told_from_those_of_another() -> None:
    classifier = Classifier((split("few", 0, 1), split("many", 2, 9)))
    labels = torch.ones(1, SIDE, SIDE, dtype=torch.uint8)
    fine = torch.randn(1, FINE_DIM, SIDE // 4, SIDE // 4)
    classifier.loss(features(fine), [Classified("few", 0, labels)]).backward()
    taught = classifier.fine.bias.grad.nonzero().flatten().tolist()
    assert taught == list(range(*classifier.rows["few"].indices(99)))


def test_rare_classes_count_like_common_ones() -> None:
    classifier = Classifier((split("few", 0, 1),))
    labels = torch.zeros(1, SIDE, SIDE, dtype=torch.uint8)
    labels[:, :, -4:] = 1  # an eighth
    fine = torch.zeros(1, FINE_DIM, SIDE // 4, SIDE // 4)
    classifier.loss(features(fine), [Classified("few", 0, labels)]).backward()
    torch.testing.assert_close(classifier.fine.bias.grad, torch.zeros(2))


def test_a_batch_says_which_images_are_of_which_set(halves: PictureSet) -> None:
    batch = draw_batch((halves,), BatchShape(8, 3, size=64, sources=(0.6, 0.2, 0.2)), 1, 2)
    assert 0 < len(batch.classified) < 8
    for known in batch.classified:
        assert known.labels.shape == (3, 64, 64)
        grey = batch.images[known.first : known.first + 3].float().mean(1)
        assert ((known.labels == 1) == (grey < 110)).float().mean() > 0.95  # borders are smoothed
