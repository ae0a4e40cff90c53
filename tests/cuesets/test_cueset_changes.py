"""What differs between the versions of a cue set."""

from __future__ import annotations

from pathlib import Path

import pytest
from cuesets_made import add_cue
from pictures import mask, picture

from cuecast.core.values import ClassInfo, Image, Point
from cuecast.cuesets.changes import changes_since, lineage
from cuecast.cuesets.cueset import read_cueset
from cuecast.cuesets.edit import new_cueset, undo
from cuecast.cuesets.history import versions
from cuecast.io.images import read_image

ONE, TWO = [1] + [0] * 7, [1, 1] + [0] * 6


@pytest.fixture(params=["folder", "zip"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where an empty set is: a folder or an archive."""
    path = tmp_path / ("set" if request.param == "folder" else "set.zip")
    new_cueset(path)
    return path


def add_mask(root: Path, folder: Path, columns: list[int]) -> None:
    add_cue(root, picture(folder / "a.png", 4), mask=mask(folder / "m.png", columns))


def red(image: Image) -> int:
    """The number of red columns."""
    return int((image.pixels[0, :, 0] == 200).sum())


def test_the_pictures_that_differ_between_two_versions(root: Path, tmp_path: Path) -> None:
    add_mask(root, tmp_path, ONE)
    add_cue(root, picture(tmp_path / "b.png", 2), points=[Point((0, 0))])
    add_mask(root, tmp_path, TWO)
    cueset = read_cueset(root)
    past = versions(cueset)

    def differing(version: int) -> list[int]:
        found = changes_since(cueset, past[version - 1].digest, past)
        assert found is not None
        assert not found.everything
        return sorted(red(i) for i in found.images)

    assert differing(4) == []
    assert differing(3) == [4]
    assert differing(2) == [2, 4]
    assert differing(1) == [2, 4]
    assert changes_since(cueset, "0" * 64, past) is None


def test_a_picture_that_left_the_set_differs_too(root: Path, tmp_path: Path) -> None:
    add_mask(root, tmp_path, ONE)
    add_cue(root, picture(tmp_path / "b.png", 2), points=[Point((0, 0))])
    cueset = undo(root)
    found = changes_since(cueset, versions(cueset)[-2].digest, versions(cueset))
    assert found is not None
    assert [red(i) for i in found.images] == [2]


def test_everything_differs_where_a_class_came_or_the_past_was_deleted(tmp_path: Path) -> None:
    root = tmp_path / "set"
    new_cueset(root, ["red"])
    add_mask(root, tmp_path, ONE)
    former = read_cueset(root).digest()
    image = picture(tmp_path / "b.png", 2)
    cueset = add_cue(
        root, image, points=[Point((0, 0), 2)], classes=[*read_cueset(root).classes, ClassInfo(2, "blue")]
    )
    found = changes_since(cueset, former, versions(cueset))
    assert found is not None
    assert found.everything
    add_cue(root, image, points=[Point((1, 0), 2)])
    for path in (root / "history").iterdir():
        path.unlink()
    cueset = read_cueset(root)
    found = changes_since(cueset, versions(cueset)[-2].digest, versions(cueset))
    assert found is not None
    assert found.everything


def test_near_are_the_pictures_themselves_and_those_like_them(root: Path, tmp_path: Path) -> None:
    add_mask(root, tmp_path, ONE)
    former = read_cueset(root).digest()
    add_mask(root, tmp_path, TWO)  # on a picture with 4 red columns of 8
    found = lineage(read_cueset(root))
    assert (found.version, found.digest) == (3, read_cueset(root).digest())
    changes = found.changes(former)
    assert changes is not None
    pictures = [read_image(picture(tmp_path / "p.png", columns)) for columns in range(9)]
    assert [red(i) for i in pictures if changes.near(i)] == [2, 3, 4, 5, 6]
    same = found.changes(found.digest)
    assert same is not None
    assert not any(same.near(i) for i in pictures)
