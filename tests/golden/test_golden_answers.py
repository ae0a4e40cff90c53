"""The pack `general` answers as it did when the answers were kept: the work on the house changes none of them.

Machines round differently, so that scores may be off by a thousandth; on the machine that has written the answers,
CUECAST_GOLDEN_EXACT=1 asks for all of them exactly.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from golden_answers import CASES, answer_case, read_answers

import cuecast

EXACT = os.environ.get("CUECAST_GOLDEN_EXACT") == "1"
DIGEST, ANSWERS = read_answers(Path(__file__).parent / "answers.npz")
REMEDY = "where this is meant, run `python tests/golden/write.py` and commit what it writes"


@pytest.fixture(scope="module")
def predictor() -> cuecast.Predictor:
    return cuecast.load("general", threads=1)


def test_the_answers_are_of_this_pack(predictor: cuecast.Predictor) -> None:
    found = predictor.pack.digest
    assert found == DIGEST, f"the answers are of the pack general {DIGEST}, installed is {found}: {REMEDY}"


def test_every_case_has_its_answer() -> None:
    assert sorted(CASES) == sorted(ANSWERS), REMEDY


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_answer_is_what_it_was(name: str, predictor: cuecast.Predictor, data: Path) -> None:
    kept, found = ANSWERS[name], answer_case(name, predictor, data)
    assert found.words == kept.words, REMEDY
    off = 1e-5 if EXACT else 1e-3
    np.testing.assert_allclose(found.scores, kept.scores, rtol=0, atol=off, err_msg=REMEDY)
    np.testing.assert_allclose(found.figures, kept.figures, rtol=0, atol=off, err_msg=REMEDY)
    assert found.masks.shape == kept.masks.shape
    share = float((found.masks != kept.masks).mean())
    assert share <= (0 if EXACT else 1e-3), f"{share:.2%} of the pixels are marked otherwise: {REMEDY}"
