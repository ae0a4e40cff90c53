"""Values that number things and values that are classes, told apart; worked out by hand and measured on real maps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as PILImage

from cuecast.core.errors import CuecastWarning, CueError, MaskError
from cuecast.core.values import IGNORE, ClassInfo, Image
from cuecast.cues import Cue
from cuecast.io.labels.ids import read_objects
from cuecast.io.labels.masks import read_labels, write_mask, write_objects
from cuecast.io.labels.numbered import likeliest_first, look_at
from cuecast.predictor import load, read_cues

CELL = [ClassInfo(1, "cell")]
TWO = [ClassInfo(1, "cell"), ClassInfo(2, "dirt")]


def blank(size: tuple[int, ...]) -> Image:
    return Image(np.zeros((*size, 3), np.uint8), "photo.png")


def grid(count: int, first: int = 1, side: int = 12) -> np.ndarray:
    """`count` squares of 3 x 3 on a ground of 12 x 12 for each, numbered from `first`."""
    across = int(np.ceil(count**0.5))
    labels = np.zeros((across * side, across * side), np.int32)
    for n in range(count):
        y, x = n // across * side + 2, n % across * side + 2
        labels[y : y + 3, x : x + 3] = first + n
    return labels


def test_what_values_look_like() -> None:
    """1 in two pieces, 2 whole, 3 inside 2, 9 at the border."""
    labels = np.array([[1, 0, 2, 2, 2], [0, 0, 2, 3, 2], [1, 0, 2, 2, 2], [9, 9, 0, 0, IGNORE]], np.int32)
    values = look_at(labels)
    assert values.numbers.tolist() == [1, 2, 3, 9]
    assert (values.shares * 20).round().tolist() == [2, 8, 1, 2]
    assert values.whole.tolist() == [False, True, True, True]
    assert values.nested.tolist() == [False, False, True, False]
    assert values.background == pytest.approx(6 / 20)
    assert not look_at(labels * 0).many_things
    assert likeliest_first(labels) == [(3, 0.05), (1, 0.1), (9, 0.1), (2, 0.4)]


def test_one_named_class_takes_every_number_as_an_object() -> None:
    for numbers in (grid(30), grid(3, 1001).astype(np.int64), grid(30).astype(np.uint16)):
        mask, objects = read_labels(numbers, image=blank(numbers.shape), classes=CELL)
        assert np.array_equal(mask, numbers > 0)
        assert objects is not None
        assert objects.dtype == np.int32
        assert np.array_equal(objects, numbers)
    mask, objects = read_labels(grid(30), image=blank(grid(30).shape), classes=TWO)
    assert np.array_equal(mask, grid(30))
    assert objects is None
    mask, objects = read_labels(grid(1), image=blank(grid(1).shape), classes=CELL)
    assert np.array_equal(mask, grid(1))
    assert objects is None


def test_a_lone_number_is_the_class_with_a_note() -> None:
    numbers = grid(1, 7)
    with pytest.warns(CuecastWarning, match=r"its values \(7\) are taken for objects of the one class"):
        mask, objects = read_labels(numbers, image=blank(numbers.shape), classes=CELL)
    assert np.array_equal(mask, numbers > 0)
    assert np.array_equal(objects, numbers)


def test_borders_and_gaps_between_things_stay_unknown() -> None:
    """As PASCAL VOC numbers objects: 255 around each."""
    numbers = grid(9).astype(np.uint8)
    numbers[1::12] = 255
    mask, objects = read_labels(numbers, image=blank(numbers.shape), classes=CELL)
    assert set(np.unique(mask)) == {IGNORE, 0, 1}
    assert objects is not None
    assert set(np.unique(objects)) == set(range(10))


def test_colours_number_things_too() -> None:
    colours = np.random.default_rng(0).integers(1, 255, (31, 3), np.uint8)
    colours[0] = 0
    mask, objects = read_labels(colours[grid(30)], image=blank(grid(30).shape), classes=CELL)
    assert np.array_equal(mask, grid(30) > 0)
    assert objects is not None
    assert len(np.unique(objects[grid(30) > 0])) == 30


def test_numbers_of_any_height_are_kept_or_counted_anew() -> None:
    numbers = np.where(grid(9) > 0, grid(9) * 100_000, 0)
    _, objects = read_labels(numbers, image=blank(numbers.shape), classes=CELL)
    assert np.array_equal(objects, grid(9))
    assert np.array_equal(read_objects(numbers, image=blank(numbers.shape)), grid(9))


def test_numbers_of_any_height_are_no_soft_edges() -> None:
    """As napari gives them: what is above their low byte looks like black and white in most pixels."""
    numbers = np.where(grid(36) > 0, 60_000 + 30 * grid(36), 0)
    numbers[numbers == 60_030] = 300
    numbers[2:5, 14:17] = [[700, 1200, 1700]]
    mask = read_labels(numbers, image=blank(numbers.shape)).mask
    assert np.array_equal(mask, numbers)


def test_what_cannot_be_things_is_still_asked_about() -> None:
    """A rest that is numbered, too; one thing inside another; a class of many pieces."""
    rest = np.full((20, 20), 2, np.int32)
    rest[5:8, 5:8] = 1
    inside = np.zeros((20, 20), np.int32)
    inside[4:16, 4:16], inside[8:10, 8:10] = 2, 1
    scattered = np.where(grid(30) > 0, grid(30) % 2 + 1, 0)
    for labels in (rest, inside, scattered):
        mask, objects = read_labels(labels, image=blank(labels.shape), classes=CELL)
        assert np.array_equal(mask, labels)
        assert objects is None
    with pytest.raises(
        CueError, match=r"marks class 2, .*\(value=1, --value 1; of the picture it holds 1 \(2%\), 2"
    ):
        load("colours").learn([Cue(blank(rest.shape), mask=rest)], classes=["cell"])


def test_colours_that_cannot_be_things_are_named_as_the_flag_takes_them(tmp_path: Path) -> None:
    colours = np.array([[0, 0, 0], [250, 50, 83], [0, 60, 255]], np.uint8)
    labels = np.full((20, 20), 2)
    labels[5:8, 5:8] = 1
    path = tmp_path / "m.png"
    PILImage.fromarray(colours[labels]).save(path)
    with pytest.raises(
        MaskError, match=r"m\.png: holds more .*--value 16396883 for #fa3253; .* \(2%\), #003cff"
    ):
        read_labels(path, image=blank(labels.shape), classes=CELL)
    mask, _ = read_labels(path, image=blank(labels.shape), classes=CELL, value=16396883)
    assert np.array_equal(mask, labels == 1)


def test_some_of_many_numbers_are_told() -> None:
    """As a slice of a volume shows them."""
    labels = np.where(grid(40) % 4 == 0, grid(40), 0)
    assert look_at(labels).many_things
    assert not look_at(np.where(labels > 0, labels % 3 + 1, 0)).many_things


def test_our_own_masks_hold_classes(tmp_path: Path) -> None:
    path = write_mask(tmp_path / "m.png", grid(3), [ClassInfo(i, f"c{i}") for i in (1, 2, 3)])
    mask, objects = read_labels(path, image=blank(grid(3).shape), classes=CELL)
    assert np.array_equal(mask, grid(3))
    assert objects is None


def test_many_things_without_a_name_are_told() -> None:
    photo, names = blank(grid(30).shape), [f"c{i}" for i in range(30)]
    told = r"photo\.png: the 30 values .* these look like objects, not classes: name the thing"
    with pytest.raises(CueError, match=told):
        load("colours").learn([Cue(photo, mask=grid(30))])
    with pytest.raises(CueError, match=told):
        load("colours").learn([Cue(photo, mask=grid(30)).read()])
    assert len(load("colours").learn([Cue(photo, mask=grid(30))], classes=["cell"]).classes) == 1
    assert len(load("colours").learn([Cue(photo, mask=grid(30))], classes=names).classes) == 30
    assert len(load("colours").learn([Cue(photo, mask=grid(30), value=[1, 2])]).classes) == 1


def test_of_a_few_things_without_a_name_there_is_a_note() -> None:
    with pytest.warns(CuecastWarning, match="the 3 values .* these look like objects, not classes"):
        concept = load("colours").learn([Cue(blank(grid(3).shape), mask=grid(3))])
    assert len(concept.classes) == 3


def test_the_numbers_of_the_case(cases: Path) -> None:
    folder = cases / "in_cellpose_instances"
    photo = folder / "photos" / "001.png"
    truth = np.array(PILImage.open(folder / "truth1.png")) > 0
    for name in ("001_cp_masks.tif", "001_labels.tif"):
        _, (example,) = read_cues([Cue(photo, mask=folder / name)], ["cell"])
        assert np.array_equal(example.marks.mask == 1, truth)
        assert np.array_equal(example.marks.objects, tifffile.imread(folder / name))
    many = Cue(folder / "many.png", mask=folder / "many_cp_masks.tif")
    with pytest.raises(CueError, match="these look like objects, not classes"):
        load("colours").learn([many])


def maps(data: Path, pattern: str, most: int) -> Iterator[tuple[Path, np.ndarray]]:
    """At most so many label maps of each folder; 255 in 8 bits is unknown."""
    for folder in sorted(data.glob(pattern)):
        for path in sorted(folder.glob("*.png"))[:most]:
            stored = np.array(PILImage.open(path))
            labels = stored.astype(np.int32)
            yield path, np.where(labels == 255, IGNORE, labels) if stored.dtype == np.uint8 else labels


def test_real_maps_of_classes_and_of_things_are_told_apart(data: Path) -> None:
    """With 8 values and more: no map of classes is refused, 8 in 10 maps of things are."""
    found: Counter[tuple[str, str]] = Counter()
    kinds = {"classes": ("*/*/masks", "sectors/*/*/masks"), "things": ("objects/*/*/masks_instances",)}
    for kind, patterns in kinds.items():
        for pattern in patterns:
            for path, labels in maps(data, pattern, 6):
                if path.match("objects/*/*/masks/*") or len(np.unique(labels)) <= 8:
                    continue
                values = look_at(labels)
                found[kind, "all"] += 1
                found[kind, "many things"] += values.many_things
                found[kind, "no things"] += values.no_things
    assert found["classes", "all"] >= 30
    assert found["things", "all"] >= 30
    assert found["classes", "many things"] == 0
    assert found["things", "many things"] >= 0.8 * found["things", "all"]
    assert found["things", "no things"] <= 0.1 * found["things", "all"]


# Objects beside a mask


def test_objects_are_given_beside_a_mask(tmp_path: Path) -> None:
    ids = grid(4)
    photo = blank(ids.shape)
    path = write_objects(tmp_path / "ids.png", ids)
    with PILImage.open(path) as picture:
        assert picture.mode == "I;16"
    plain, from_file, from_array = (
        Cue(photo, mask=ids > 0, objects=objects).read() for objects in (None, path, ids)
    )
    assert plain.marks.objects is None
    assert np.array_equal(from_file.marks.objects, ids)
    assert from_file.content == from_array.content != plain.content
    other = Cue(photo, mask=ids > 0, objects=np.minimum(ids, 3)).read()
    assert other.content != from_file.content


def test_objects_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    ids, photo = grid(4), blank(grid(4).shape)
    mask = ids * (ids != 3)
    with pytest.raises(MaskError, match=r"photo\.png: 9 pixels of objects lie outside the mask \(ids 3\)"):
        Cue(photo, mask=mask > 0, objects=ids).read()
    with pytest.raises(MaskError, match=r"objects of photo\.png: the map of ids is 8 wide and 8 high"):
        Cue(photo, mask=ids > 0, objects=ids[:8, :8]).read()
    with pytest.raises(MaskError, match="tell the things of a mask apart, and there is none"):
        Cue(photo, boxes=[(0, 0, 5, 5)], objects=ids).read()
    with pytest.raises(MaskError, match="one number an object"):
        Cue(photo, mask=ids > 0, objects=tmp_path / "a.json").read()


@pytest.mark.parametrize("top", [1, 255, 65534, 70000])
def test_ids_are_written_and_read_back(tmp_path: Path, top: int) -> None:
    ids = np.array([[0, 0, top]], np.int32)
    found = read_objects(write_objects(tmp_path / "i.png", ids), image=blank(ids.shape))
    assert np.array_equal(found, ids if top < 65535 else ids > 0)
