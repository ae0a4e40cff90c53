"""The forest's answer to a training task is that of the run time, on fixed filters alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is needed to train, not to run")

from cuecast.training import forests  # noqa: E402
from cuecast.training.network import FILTER_DIM  # noqa: E402
from cuecast.training.tasks import Task  # noqa: E402


@pytest.fixture
def task() -> Task:
    """The left half of both images is the thing; image 0 is the cue, image 1 the query."""
    left = np.zeros((1, 1, 32, 32), np.float32)
    left[..., :16] = 1
    thing = torch.from_numpy(left)
    return Task([0], [1], thing, 1 - thing, thing[:, 0].to(torch.uint8), torch.zeros(2, 4, 4))


@pytest.fixture
def filters() -> torch.Tensor:
    """Responses to two images that are bright on the left half."""
    images = torch.full((2, 3, 32, 32), 0.2)
    images[..., :16] = 0.8
    return forests.filter_responses(images + 0.02 * torch.rand(images.shape, generator=torch.manual_seed(0)))


def test_it_tells_the_thing_of_the_query(
    task: Task, filters: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forests, "WITHOUT", 0.0)
    assert filters.shape == (2, FILTER_DIM, 16, 16)
    answer = forests.answer_of_forest(np.random.default_rng(0), task, filters).forest
    assert answer is not None
    assert answer.shape == (1, 1, 16, 16)
    assert (answer[0, 0, :, :7] > 1).all()
    assert (answer[0, 0, :, 9:] < -1).all()


def test_some_tasks_have_none_as_clicks_have(
    task: Task, filters: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forests, "WITHOUT", 1.0)
    answer = forests.answer_of_forest(np.random.default_rng(0), task, filters).forest
    assert answer is not None
    assert not answer.any()


def test_sparse_marks_have_none_as_at_the_engines_first_look(task: Task, filters: torch.Tensor) -> None:
    sparse = replace(task, sparse=True)
    answers = [forests.answer_of_forest(np.random.default_rng(s), sparse, filters).forest for s in range(20)]
    assert not any(a is None or a.any() for a in answers)


def test_views_of_one_picture_have_none(
    task: Task, filters: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forests, "WITHOUT", 0.0)
    answer = forests.answer_of_forest(np.random.default_rng(0), task, filters, paired=True).forest
    assert answer is not None
    assert not answer.any()
