from __future__ import annotations

import numpy as np
import pytest

from cuecast.engine.verdict_features import PLANES, USUAL, measure, unlike


def planes(answer: float, forest: float) -> np.ndarray:
    """A square of 10 x 10 in 40 x 40 with these logits in answer and forest, -6 elsewhere; alike by 0.5 and 0.2."""
    found = np.full((len(PLANES), 40, 40), -6.0, np.float32)
    logit, scores, like, other = (found[PLANES.index(n)] for n in ("logit", "forest", "like", "unlike"))
    logit[:10, :10], scores[:10, :10] = answer, forest
    like[:], other[:] = 0.2, 0.4
    like[:10, :10] = 0.5
    return found


def look(mean: float, deviation: float) -> np.ndarray:
    return np.array([[mean, mean], [deviation, deviation]], np.float32)


def test_signals_of_a_clear_answer() -> None:
    found = measure(planes(6.0, 6.0), 1 / 16, look(0, 1), np.stack([look(0, 1)] * 2), 20.0)
    # 100 pixels of 0.99753 and 1500 of 0.00247 score 103.5 together, their squares 99.5.
    assert found["sure"] == pytest.approx(99.52 / 103.46, abs=1e-3)
    assert found["there"] == 8
    assert found["peak"] == pytest.approx(0.9975, abs=1e-3)
    assert found["forest"] == pytest.approx(1, abs=1e-3)
    assert found["like"] == pytest.approx(0.5, abs=0.02)
    assert found["contrast"] == pytest.approx(0.1, abs=0.02)
    assert found["familiar"] == pytest.approx(0.4 * 15 / 16 + 0.5 / 16)
    assert found["size"] == pytest.approx(0, abs=0.05)


def test_a_forest_that_says_otherwise_lowers_the_agreement_and_too_much_marked_the_size() -> None:
    found = measure(planes(6.0, -6.0), 1 / 64, look(0, 1), look(0, 1)[None], -1.5)
    assert found["forest"] < 0.1
    assert found["size"] == pytest.approx(np.log(4), abs=0.05)
    assert found["off_size"] == found["size"]


def test_a_query_is_unlike_where_it_differs_more_than_the_cues_do() -> None:
    cues = np.stack([look(m, 1.0) for m in (-0.2, 0.0, 0.2)])
    near, far = unlike(look(0.1, 1.0), cues), unlike(look(3.0, 1.0), cues)
    assert near[0] < 0 < far[0]
    flat = unlike(look(0.0, 0.1), cues)
    assert flat[1] > near[1] + 2
    mixed = np.stack([look(m, 1.0) for m in (-2.0, 0.0, 2.0)])
    assert unlike(look(3.0, 1.0), mixed)[0] < far[0] - 1


def test_a_single_cue_is_compared_with_what_is_usual() -> None:
    shift, stretch = unlike(look(float(USUAL[0]), 1.0), look(0.0, 1.0)[None])
    assert shift == pytest.approx(np.log((USUAL[0] + 0.02) / USUAL[0]), abs=1e-2)
    assert stretch < -2
