"""Bad masks are planted where they are meant to be, and good answers are not asked twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import BLUE, GREEN, RED
from PIL import Image as PILImage

import cuecast
from cuecast.evaluation.episodes import Episode, EpisodeImage
from cuecast.training.planting import FAULTS, planted_figures, read_single, spoil

SIZE = (48, 64)


@pytest.fixture
def episodes(tmp_path: Path) -> list[Episode]:
    """Red squares (2 in the masks) and green bars (5) on blue, five cues of each."""
    names = []
    for n in range(6):
        labels = np.zeros(SIZE, np.uint8)
        labels[4 + 2 * n : 18 + 2 * n, 6 * n : 6 * n + 16] = 2
        labels[40:46, 4:50] = 5
        pixels = np.select([labels[..., None] == 2, labels[..., None] == 5], [RED, GREEN], BLUE)
        PILImage.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{n}.png")
        PILImage.fromarray(labels).save(tmp_path / f"{n}_mask.png")
        names.append(str(n))

    def shown(name: str, value: int) -> EpisodeImage:
        return EpisodeImage(f"{name}.png", f"{name}_mask.png", (value,))

    return [
        Episode(f"s/{task}/5/0", "s", task, tuple(shown(n, v) for n in names[:5]), shown(names[5], v))
        for task, v in (("square", 2), ("bar", 5))
    ]


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(episodes: list[Episode], tmp_path: Path, fault: str) -> None:
    episode = episodes[0]
    good = read_single(episode.cues[0], tmp_path)
    bad = spoil(good, episode.cues[0], fault, episode, tmp_path, episodes).marks.mask
    assert good.marks.mask is not None
    assert bad is not None
    if fault == "shifted":
        assert np.array_equal(np.roll(bad, (-12, -16), (0, 1)), good.marks.mask)
    elif fault == "inverted":
        assert np.array_equal(bad, 1 - good.marks.mask)
    else:
        assert np.argwhere(bad).min(0).tolist() == [40, 4]


def test_where_there_is_no_other_thing_the_query_lends_its_mask(
    episodes: list[Episode], tmp_path: Path
) -> None:
    episode = episodes[0]
    good = read_single(episode.cues[0], tmp_path)
    bad = spoil(good, episode.cues[0], "other", episode, tmp_path, episodes[:1]).marks.mask
    assert bad is not None
    assert np.argwhere(bad).min(0).tolist() == [14, 30]


def test_the_planted_cue_stands_out(episodes: list[Episode], tmp_path: Path) -> None:
    rows = planted_figures(cuecast.load("colours"), episodes[0], tmp_path, listed=episodes)
    assert [r["fault"] for r in rows] == ["clean", *FAULTS]
    clean = np.array(rows[0]["figures"])
    assert clean.shape == (5, len(rows[0]["names"]))
    assert np.abs(clean[:, 0]).max() == 0
    for row in rows[1:]:
        lower = np.array(row["figures"])[:, 0]
        assert int(lower.argmax()) == row["planted"]
        assert lower.max() > 2
