"""The border measure of benchmarks/davis.py, by hand; the masks of the real sequences are their own best answer."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scripts import load_script


@pytest.fixture(scope="module")
def davis() -> ModuleType:
    return load_script("benchmarks/davis.py")


def rectangle(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros((60, 80), bool)  # a diagonal of 100: borders match within 1 pixel
    mask[top:bottom, left:right] = True
    return mask


def test_the_border_lies_on_the_upper_and_left_outside_and_the_lower_and_right_inside(
    davis: ModuleType,
) -> None:
    border = davis.border(rectangle(2, 4, 3, 6))
    assert np.argwhere(border).tolist() == [
        [1, 2], [1, 3], [1, 4], [1, 5], [2, 2], [2, 5], [3, 2], [3, 3], [3, 4], [3, 5],
    ]  # fmt: skip


def test_equal_masks_and_masks_a_pixel_apart_match_wholly(davis: ModuleType) -> None:
    mask = rectangle(20, 40, 20, 60)
    assert davis.border_f(mask, mask) == 1
    assert davis.border_f(rectangle(21, 41, 20, 60), mask) == 1


def test_a_side_that_is_off_counts_with_its_share_of_the_border(davis: ModuleType) -> None:
    """Both borders are rings; the right side of one is 10 columns further, so that only its own length differs."""
    answer, truth = rectangle(20, 40, 20, 70), rectangle(20, 40, 20, 60)
    ours, theirs = 2 * 51 + 2 * 19, 2 * 41 + 2 * 19
    assert (davis.border(answer).sum(), davis.border(truth).sum()) == (ours, theirs)
    # of ours, columns 61 to 69 of two rows and the side of 19 lie further than 1 from theirs; of theirs, 17 of the
    # side's 19 pixels, whose ends lie beside the rows
    precision, recall = (ours - 2 * 9 - 19 + 1) / ours, (theirs - 17) / theirs
    found = davis.border_f(answer, truth)
    assert found == pytest.approx(2 * precision * recall / (precision + recall), abs=0.01)


def test_empty_masks(davis: ModuleType) -> None:
    nothing = np.zeros((60, 80), bool)
    assert davis.border_f(nothing, nothing) == 1
    assert davis.border_f(nothing, rectangle(1, 5, 1, 5)) == 0


def test_to_and_fro_never_jumps(davis: ModuleType) -> None:
    steps = davis.to_and_fro([Path(str(i)) for i in range(4)], 9)
    assert [p.name for p in steps] == ["0", "1", "2", "3", "2", "1", "0", "1", "2"]


def test_the_script_measures_a_real_sequence(
    davis: ModuleType, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [str(data / "video"), "--sequences", "dog", "--limit", "4", "--pack", "colours", "--still"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["davis.py", *argv])
        assert davis.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["sequence", "frames"], ["dog", "4"], ["mean", "4"]]
    assert 0.6 < float(lines[1].split()[2]) < 0.9
