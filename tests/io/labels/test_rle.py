"""Run lengths, against strings that pycocotools 2.0 has written."""

from __future__ import annotations

import numpy as np
import pytest
from annotated import CASES, annotations, random_annotations
from hypothesis import given
from hypothesis import strategies as st

from cuecast.core.objects import Annotations, ObjectMask, tight
from cuecast.io.labels.outlines import compress_counts, decode_rle, encode_rle, expand_counts


def test_the_string_is_that_of_pycocotools() -> None:
    frame = np.zeros((5, 6), bool)
    frame[1:4, 1:5] = True
    frame[2, 2] = False
    counts = encode_rle(ObjectMask(1, 0, 0, frame), (5, 6))
    assert counts == [6, 3, 2, 1, 1, 1, 2, 3, 2, 3, 6]
    assert compress_counts(counts) == "632NO012004"
    large = np.zeros((1000, 1000), bool)
    large[100:900, 300:700] = True
    large[200:300, 400] = False
    assert compress_counts(encode_rle(ObjectMask(1, 0, 0, large), large.shape)).startswith(
        "TRU9Pi0X60000000000"
    )


def test_runs_go_on_from_column_to_column() -> None:
    assert encode_rle(CASES["full columns"][0], (12, 15)) == [36, 24, 120]
    assert encode_rle(CASES["whole image"][0], (12, 15)) == [0, 180]


def check(found: Annotations) -> None:
    for one in map(tight, found.objects):
        counts = encode_rle(one, found.size)
        assert expand_counts(compress_counts(counts)) == counts
        back = decode_rle(counts, found.size, one.cls)
        assert (back.cls, back.xyxy) == (one.cls, one.xyxy)
        assert np.array_equal(back.mask, one.mask)


@pytest.mark.parametrize("case", CASES)
def test_runs_give_back_their_pixels(case: str) -> None:
    check(annotations(CASES[case]))


@given(random_annotations())
def test_any_runs_give_back_their_pixels(found: Annotations) -> None:
    check(found)


@given(st.lists(st.integers(0, 2**40)))
def test_any_counts_survive_compression(counts: list[int]) -> None:
    assert expand_counts(compress_counts(counts)) == counts


def test_no_pixels_is_one_run() -> None:
    none = ObjectMask(1, 0, 0, np.zeros((0, 0), bool))
    assert encode_rle(none, (3, 4)) == [12]
    assert not decode_rle([12], (3, 4), 1).mask.size


@pytest.mark.parametrize("counts", [[3], [5, 5, 5], [-1, 13], []])
def test_runs_that_do_not_add_up_are_refused(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="add up"):
        decode_rle(counts, (3, 4), 1)


@pytest.mark.parametrize(
    ("text", "words"), [(" ", "does not occur"), ("ü", "does not occur"), ("P", "in the middle")]
)
def test_strings_that_are_no_runs_are_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        expand_counts(text)
