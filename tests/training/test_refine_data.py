"""Which pictures teach, which judge, and what is said of data that cannot be refined on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pictures import write_square
from PIL import Image

from cuecast.core.errors import InputError
from cuecast.core.notes import notes_to
from cuecast.cues import Cue
from cuecast.cuesets.edit import add_cues, new_cueset
from cuecast.training.refine_compare import questions
from cuecast.training.refine_data import read_data


def test_each_side_has_its_share_and_no_picture_is_on_both(tmp_path: Path) -> None:
    for i in range(20):
        write_square(tmp_path, f"{i:02}", i)
    data = read_data([tmp_path])
    teaching, judging = ({p.name for p in side} for side in (data.teaching, data.judging))
    assert len(teaching | judging) == 20
    assert not teaching & judging
    assert 6 <= len(judging) <= 8
    assert [c.name for c in data.classes] == ["thing"]
    assert data.digest == read_data([tmp_path]).digest


def test_where_the_data_lies_changes_nothing(tmp_path: Path) -> None:
    parted = []
    for place in ("here", "there/deeper", "z"):
        for source in ("b", "a"):
            for i in range(8):
                write_square(tmp_path / place / source, f"{source}{i}", i + 50 * (source == "a"))
        data = read_data([tmp_path / place / source for source in ("b", "a")], group="prefix")
        alone = read_data([tmp_path / place / "a"])
        asked = [[[p.key for p in q.cues], [p.key for p in q.with_it]] for q in questions(alone)]
        parted.append((data.digest, alone.digest, [p.key for p in alone.judging], asked))
    assert parted[0] == parted[1] == parted[2]


@pytest.mark.parametrize("rule", ["prefix", "folder", "csv"])
def test_a_group_stays_on_one_side(tmp_path: Path, rule: str) -> None:
    for i in range(24):
        patient, number = divmod(i, 4)
        name = f"p{patient}/{number}" if rule == "folder" else f"p{patient}_{number}"
        write_square(tmp_path, name, i)
    lines = "".join(f"p{p}_{n}.png,{p}\n" for p in range(6) for n in range(4))
    (tmp_path / "groups.csv").write_text(f"image,group\n{lines}")
    data = read_data([tmp_path], group=tmp_path / "groups.csv" if rule == "csv" else rule)
    teaching, judging = ({p.name[:2] for p in side} for side in (data.teaching, data.judging))
    assert len(teaching) + len(judging) == 6
    assert not teaching & judging


def test_nearly_the_same_picture_joins_its_groups(tmp_path: Path) -> None:
    for i in range(10):
        write_square(tmp_path, f"a{i}", i)
        copy = Image.open(tmp_path / "images" / f"a{i}.png")
        brighter = np.clip(np.asarray(copy, np.int16) + 3, 0, 255).astype(np.uint8)
        Image.fromarray(brighter).save(tmp_path / "images" / f"b{i}.png")
        Image.open(tmp_path / "masks" / f"a{i}.png").save(tmp_path / "masks" / f"b{i}.png")
    data = read_data([tmp_path])
    assert len(data.alike) == 10
    teaching = {p.name[1:] for p in data.teaching}
    assert not teaching & {p.name[1:] for p in data.judging}
    # Named after the first of them, and not as the process happens to order a set: a run goes on in another process.
    assert {p.group for p in (*data.teaching, *data.judging)} == {f"0/a{i}.png" for i in range(10)}


def test_other_pictures_are_not_taken_for_the_same(tmp_path: Path) -> None:
    for i in range(12):
        write_square(tmp_path, f"{i}", i)
    assert read_data([tmp_path]).alike == ()


def test_a_class_that_too_few_pictures_show_is_left_out(tmp_path: Path) -> None:
    for i in range(12):
        write_square(tmp_path, f"{i:02}", i)
    for i in range(3):
        mask = np.array(Image.open(tmp_path / "masks" / f"{i:02}.png"))
        mask[30:40, 30:40] = 2
        Image.fromarray(mask).save(tmp_path / "masks" / f"{i:02}.png")
    data = read_data([tmp_path], ["square", "rare"])
    assert [c.name for c in data.classes] == ["square"]
    assert data.left_out == ("class 'rare' is shown in 3 pictures of 12 groups",)


def test_pictures_without_the_thing_are_read_as_absent(tmp_path: Path) -> None:
    for i in range(12):
        write_square(tmp_path, f"{i:02}", i, square=i < 9)
    data = read_data([tmp_path])
    assert sum(p.lacks(1) for p in (*data.teaching, *data.judging)) == 3


@pytest.mark.parametrize(
    ("shown", "lacking", "said"),
    [(1, 0, "shown in 1 picture of 1 group"), (3, 4, "shown in 3 pictures"), (0, 8, "they show no class")],
)
def test_too_little_is_said_with_the_remedy(tmp_path: Path, shown: int, lacking: int, said: str) -> None:
    for i in range(shown + lacking):
        write_square(tmp_path, f"{i:02}", i, square=i < shown)
    with pytest.raises(InputError) as raised:
        read_data([tmp_path])
    assert said in raised.value.what
    assert "at least 6 pictures of a class" in str(raised.value.remedy)


def test_a_folder_without_masks_says_where_they_go(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="none of its 1 images has a mask; put masks"):
        read_data([tmp_path])
    with pytest.raises(InputError, match="there is no such folder or cue set"):
        read_data([tmp_path / "nowhere"])


def test_a_picture_without_a_group_is_named(tmp_path: Path) -> None:
    for i in range(8):
        write_square(tmp_path, f"{i}", i)
    (tmp_path / "groups.csv").write_text("0.png,a\n1.png,b\n")
    with pytest.raises(InputError, match=r"groups.csv: no line is of 2.png; give each picture a line"):
        read_data([tmp_path], group=tmp_path / "groups.csv")
    (tmp_path / "groups.csv").write_text("0.png\n")
    with pytest.raises(InputError, match="line 1 is not image,group"):
        read_data([tmp_path], group=tmp_path / "groups.csv")
    said = r"neither 'folder' nor 'prefix' nor a CSV file that can be read \(No such file"
    with pytest.raises(InputError, match=said):
        read_data([tmp_path], group="patients")


def test_a_cue_set_teaches_with_its_masks_alone(tmp_path: Path) -> None:
    for i in range(8):
        write_square(tmp_path, f"{i}", i)
    cues = [Cue(tmp_path / "images" / f"{i}.png", mask=tmp_path / "masks" / f"{i}.png") for i in range(7)]
    cues.append(Cue(tmp_path / "images" / "7.png", points=[(5, 5)]))
    new_cueset(tmp_path / "set", ["square"])
    add_cues(tmp_path / "set", cues)
    notes: list[str] = []
    with notes_to(notes.append):
        data = read_data([tmp_path / "set"])
    assert [c.name for c in data.classes] == ["square"]
    assert len(data.teaching) + len(data.judging) == 7
    assert "1 cues are boxes, points or scribbles" in notes[0]


def test_a_name_means_the_same_class_in_every_source(tmp_path: Path) -> None:
    """Each source numbers its classes as it likes, and says nothing of those it does not mark."""
    for source, classes in (("one", {"1": "square", "2": "dot"}), ("two", {"1": "line", "3": "square"})):
        number = next(int(n) for n, name in classes.items() if name == "square")
        for i in range(10):
            write_square(tmp_path / source, f"{i:02}", i + 40 * number, square=i < 8)
            mask = np.asarray(Image.open(tmp_path / source / "masks" / f"{i:02}.png"))
            Image.fromarray(mask * number).save(tmp_path / source / "masks" / f"{i:02}.png")
        (tmp_path / source / "card.json").write_text(json.dumps({"classes": classes}))
    data = read_data([tmp_path / "one", tmp_path / "two"])
    assert [(c.id, c.name) for c in data.classes] == [(1, "square")]
    pictures = (*data.teaching, *data.judging)
    assert sum(p.shows(1) for p in pictures) == 16
    assert sum(p.lacks(1) for p in pictures) == 4
    assert {p.source for p in pictures if p.lacks(2)} == {str(tmp_path / "one")}
    assert not any(p.shows(3) for p in pictures)


def test_numbers_without_names_mean_the_same_everywhere(tmp_path: Path) -> None:
    for source, value in (("one", 1), ("two", 2)):
        for i in range(8):
            write_square(tmp_path / source, f"{i:02}", i + 40 * value)
            mask = np.asarray(Image.open(tmp_path / source / "masks" / f"{i:02}.png"))
            Image.fromarray(mask * value).save(tmp_path / source / "masks" / f"{i:02}.png")
    data = read_data([tmp_path / "one", tmp_path / "two"])
    assert [(c.id, c.name) for c in data.classes] == [(1, "class 1"), (2, "class 2")]


def test_few_pictures_without_the_thing_are_asked_by_every_row_of_cues(tmp_path: Path) -> None:
    asked = []
    for place, lacking in (("few", 9), ("many", 60)):
        for i in range(24 + lacking):
            write_square(tmp_path / place, f"{i:02}", i, square=i < 24)
        asked.append(questions(read_data([tmp_path / place])))
    for few in (True, False):
        without = {(q.row, len(q.cues)): {p.key for p in q.without} for q in asked[0 if few else 1]}
        assert {n for (_, n), keys in without.items() if keys} == {1, 5}
        assert without[0, 1] == without[0, 5]
        assert without[0, 1] & without[1, 1] == (without[0, 1] if few else set())
    assert len({p.key for q in asked[1] for p in q.without}) == 12


def test_classes_of_every_source_are_asked_for(tmp_path: Path) -> None:
    for source, count in (("few", 8), ("many", 24)):
        for i in range(count):
            write_square(tmp_path / source, f"{i:02}", i + count)
        (tmp_path / source / "card.json").write_text(json.dumps({"classes": {"1": source}}))
    data = read_data([tmp_path / "few", tmp_path / "many"])
    assert {q.cls.name for q in questions(data, (1,))} == {"few", "many"}
    assert all(c.source == w.source for q in questions(data, (1,)) for c in q.cues for w in q.with_it)
