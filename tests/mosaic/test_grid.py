"""The grid of tiles, and what is blended from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cuecast.core.tiling import Window
from cuecast.core.values import ClassInfo
from cuecast.engine.decision import Decision
from cuecast.mosaic import assemble
from cuecast.mosaic.assemble import Blender, LabelRule
from cuecast.mosaic.tiles import UNSEEN, Grid, Tile, grid_for, tile_path, write_levels


def test_tiles_by_hand() -> None:
    grid = Grid((100, 40), 40, 10)
    assert (grid.step, grid.shape, len(grid)) == (30, (3, 1), 3)
    assert [grid.window(t) for t in grid.tiles()] == [
        Window(0, 40, 0, 40),
        Window(30, 70, 0, 40),
        Window(60, 100, 0, 40),
    ]
    assert Grid((101, 41), 40, 10).shape == (4, 2)
    assert Grid((5, 5), 40, 10).shape == (1, 1)


def test_a_tile_does_not_move_when_the_raster_grows() -> None:
    small, large = Grid((100, 100), 40, 10), Grid((1000, 3000), 40, 10)
    assert {small.window(t) for t in small.tiles()} < {large.window(t) for t in large.tiles()}


def test_a_part_is_cut_into_the_tiles_of_the_whole() -> None:
    """Rows from 45 and columns from 7 of a raster: tiles that lie inside it are tiles of the whole."""
    part = Grid((100, 100), 40, 10, anchor=(45, 7))
    assert [part.window(Tile(i, 0)).top for i in range(part.shape[0])] == [-15, 15, 45, 75]
    assert [part.window(Tile(0, i)).left for i in range(part.shape[1])] == [-7, 23, 53, 83]
    whole = Grid((145, 107), 40, 10)
    tops = {whole.window(t).top for t in whole.tiles()}
    assert {part.window(t).top + 45 for t in part.tiles()} <= tops


@pytest.mark.parametrize("window", [Window(0, 30, 0, 30), Window(35, 36, 69, 71), Window(90, 100, 0, 100)])
def test_tiles_over_a_window_are_those_that_meet_it(window: Window) -> None:
    grid = Grid((100, 100), 40, 10, anchor=(45, 7))
    meeting = []
    for tile in grid.tiles():
        t = grid.window(tile)
        if (
            t.top < window.bottom
            and window.top < t.bottom
            and t.left < window.right
            and window.left < t.right
        ):
            meeting.append(tile)
    assert list(grid.over(window)) == meeting


def test_weights_rise_over_the_middle_half_of_the_overlap() -> None:
    weights = Grid((100, 100), 20, 8).weights()
    assert (weights[10] // 8).tolist() == [1, 1, 1, 3, 5, 7, 8, 8, 8, 8, 8, 8, 8, 8, 7, 5, 3, 1, 1, 1]
    assert (weights == weights.T).all()
    assert Grid((100, 100), 20, 0).weights().tolist() == [[1] * 20] * 20


@pytest.mark.parametrize(
    ("zoom", "side", "overlap"),
    [(1.0, 512, 128), (0.75, 640, 128), (0.5, 1024, 256), (0.25, 2048, 512), (0.1, 2048, 512)],
)
def test_a_tile_is_what_the_segmenter_sees_in_one_piece(zoom: float, side: int, overlap: int) -> None:
    grid = grid_for((9999, 9999), zoom)
    assert (grid.side, grid.overlap) == (side, overlap)
    assert side * zoom <= 512


def test_asked_sides_are_kept() -> None:
    assert grid_for((999, 999), 1.0, 100, 20) == Grid((999, 999), 100, 20)
    with pytest.raises(ValueError, match="at most half"):
        grid_for((999, 999), 1.0, 100, 51)


@pytest.fixture
def two(tmp_path: Path) -> Blender:
    """Two tiles of 8 x 8 beside each other on 8 x 12, sharing 4 columns: scores 200 and 100."""
    for col, level in ((0, 200), (1, 100)):
        write_levels(tile_path(tmp_path, Tile(0, col)), np.full((1, 8, 8), level, np.uint8))
    return Blender(Grid((8, 12), 8, 4), tmp_path, 1)


def test_scores_pass_over_from_one_tile_to_the_next(two: Blender) -> None:
    # weights 4, 3, 1, 1 of the left tile against 1, 1, 3, 4 of the right one
    expected = [200] * 4 + [180, 175, 125, 120] + [100] * 4
    assert two.levels(Window(0, 8, 0, 12))[0, 3].tolist() == expected
    assert two.levels(Window(3, 4, 5, 7))[0].tolist() == [expected[5:7]]


def test_a_missing_tile_leaves_its_place_unseen(two: Blender) -> None:
    tile_path(two.folder, Tile(0, 1)).unlink()
    assert two.levels(Window(0, 8, 0, 12))[0, 3].tolist() == [200] * 8 + [UNSEEN] * 4


def test_pixels_unseen_in_one_tile_take_the_other(two: Blender) -> None:
    levels = np.full((1, 8, 8), 200, np.uint8)
    levels[:, :, 4:] = UNSEEN
    write_levels(tile_path(two.folder, Tile(0, 0)), levels)
    assert two.levels(Window(0, 8, 0, 12))[0, 3].tolist() == [200] * 4 + [100] * 8


def test_labels_by_hand() -> None:
    rule = LabelRule((ClassInfo(3, "a"), ClassInfo(7, "b")), Decision((3, 7)))
    levels = np.array([[[127, 126, 200, 255]], [[0, 126, 201, 255]]], np.uint8)
    assert rule.labels(levels).tolist() == [[3, 0, 7, 255]]
    many = LabelRule((ClassInfo(300, "a"),), Decision((300,)))
    assert many.labels(levels[:1]).tolist() == [[300, 0, 300, 65535]]


def test_scores_pass_over_from_one_row_of_tiles_to_the_next(tmp_path: Path) -> None:
    """As beside each other, seen through a window that begins inside of both; and rounded to the nearest."""
    for row, level in ((0, 201), (1, 100)):
        write_levels(tile_path(tmp_path, Tile(row, 0)), np.full((1, 8, 8), level, np.uint8))
    tall = Blender(Grid((12, 8), 8, 4), tmp_path, 1)
    # (4 x 201 + 100) / 5 = 180.8, (3 x 201 + 100) / 4 = 175.75, (201 + 300) / 4 = 125.25, (201 + 400) / 5 = 120.2
    assert tall.levels(Window(2, 10, 5, 7))[0].T.tolist() == [[201, 201, 181, 176, 125, 120, 100, 100]] * 2


def test_the_corner_of_the_raster_is_seen(two: Blender) -> None:
    """Where a single tile looks, and with the least weight there is, its score stands."""
    assert (two.levels(Window(0, 8, 0, 4)) == 200).all()
    assert (two.levels(Window(0, 8, 8, 12)) == 100).all()


def test_a_window_that_no_tile_meets_is_unseen(tmp_path: Path) -> None:
    assert (
        Blender(Grid((8, 12), 8, 4), tmp_path, 2).levels(Window(0, 1, 0, 2)).tolist() == [[[UNSEEN] * 2]] * 2
    )


def test_sixteen_mebibytes_of_tiles_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tiles of 8 MiB, two: a third one puts the first out."""
    asked: list[Path] = []
    monkeypatch.setattr(
        assemble,
        "read_levels",
        lambda path: asked.append(path) or np.broadcast_to(np.uint8(9), (2**17, 8, 8)),
    )
    grid = Grid((24, 8), 8, 0)
    for tile in grid.tiles():
        path = tile_path(tmp_path, tile)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    blender = Blender(grid, tmp_path, 2**17)
    for top in (0, 8, 0, 8, 16, 8, 0):
        blender.levels(Window(top, top + 1, 0, 1))
    assert [asked.index(path) for path in asked] == [0, 1, 2, 0]


@pytest.mark.parametrize(("cls", "dtype", "nodata"), [(254, np.uint8, 255), (255, np.uint16, 65535)])
def test_the_highest_value_of_a_file_is_no_class(cls: int, dtype: type, nodata: int) -> None:
    rule = LabelRule((ClassInfo(1, "a"), ClassInfo(cls, "b")), Decision((1, cls)))
    assert (rule.dtype, rule.nodata) == (dtype, nodata)


def test_blocks_begin_where_the_files_own_tiles_do() -> None:
    assert assemble.BLOCK % assemble.FILE_TILE == 0
