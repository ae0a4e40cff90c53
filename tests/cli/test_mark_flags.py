"""How the flags that mark things are split and read; file names with '=' in them above all."""

from __future__ import annotations

from inspect import signature
from pathlib import Path

import pytest
import typer

from cuecast.cli.mark_text import split_file
from cuecast.cli.marks import FrameShown, Marked, MarkFlags, Shown, SliceShown, class_list
from cuecast.cli.options import grouped
from cuecast.core.errors import ImageError, MaskError
from cuecast.core.values import Box, ClassInfo, Point, Scribble


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test runs in an empty folder, so that names are as a person types them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def flags(**given: list[str]) -> list[Marked]:
    return MarkFlags(**given).read()


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("a.jpg", "a.png"),
        ("x=1.jpg", "x=1.png"),
        ("x=1.jpg", "m.png"),
        ("a.jpg", "y=2=z.png"),
        ("my photo.jpg", "my mask.png"),
        ('it\'s "one".jpg', "it's.png"),
        ("Grüße 画像.jpg", "маска.png"),
        ("k=v/a.jpg", "k=v/a.png"),
    ],
)
def test_a_cue_is_split_where_both_files_are(image: str, mask: str) -> None:
    touch(image, mask)
    assert split_file(f"{image}={mask}") == (Path(image), Path(mask))


def test_a_cue_that_can_be_read_in_two_ways_is_refused() -> None:
    touch("a", "b=c", "a=b", "c")
    with pytest.raises(
        typer.BadParameter, match=r"'a=b=c' can be read as a with mask b=c or a=b with mask c; rename"
    ):
        split_file("a=b=c")


def test_a_missing_mask_or_image_is_named() -> None:
    touch("x=1.jpg")
    with pytest.raises(MaskError, match=r"^no\.png: there is no such mask file"):
        split_file("x=1.jpg=no.png")
    with pytest.raises(ImageError, match=r"^no\.jpg: there is no such image .*--cue IMAGE=MASK"):
        split_file("no.jpg=x=1.jpg")
    with pytest.raises(ImageError, match=r"^no\.jpg: there is no such image"):
        split_file("no.jpg")


def test_an_image_alone_takes_the_mask_beside_it() -> None:
    touch("images/x=1.jpg", "masks/x=1.png")
    assert split_file("images/x=1.jpg") == (Path("images/x=1.jpg"), Path("masks/x=1.png"))
    touch("lonely.jpg")
    with pytest.raises(typer.BadParameter, match=r"lonely\.jpg': no mask lies beside it, .*IMAGE=MASK"):
        split_file("lonely.jpg")


def test_boxes_points_and_scribbles() -> None:
    touch("a.jpg")
    (marked,) = flags(
        box=["a.jpg=1,2,3.5,4", "a.jpg=1,2,3,4,2"],
        point=["a.jpg=5,6", "a.jpg= 7 , 8 ,0"],
        scribble=["a.jpg=1,2;3,4", "a.jpg=1,2;3,4;5,6,0", "a.jpg=9,9"],
    )
    assert marked.drawn["boxes"] == [Box((1, 2, 3.5, 4)), Box((1, 2, 3, 4), 2)]
    assert marked.drawn["points"] == [Point((5, 6)), Point((7, 8), 0)]
    assert marked.drawn["scribbles"] == [
        Scribble(((1, 2), (3, 4))),
        Scribble(((1, 2), (3, 4), (5, 6)), cls=0),
        Scribble(((9, 9),)),
    ]


def test_marks_name_classes() -> None:
    touch("a.jpg")
    classes = [ClassInfo(1, "cell"), ClassInfo(2, "a=b, c"), ClassInfo(3, "7")]
    (marked,) = MarkFlags(
        box=["a.jpg=1,2,3,4,a=b, c"], point=["a.jpg=1,2,cell", "a.jpg=1,2,7"], scribble=["a.jpg=1,1;2,2,cell"]
    ).read(classes)
    assert marked.drawn["boxes"][0].cls == 2
    assert [p.cls for p in marked.drawn["points"]] == [1, 3]
    assert marked.drawn["scribbles"][0].cls == 1


def test_marks_on_one_image_join_whatever_it_is_called(here: Path) -> None:
    touch("d/a.jpg", "m.png", "b.jpg")
    marked = flags(
        cue=["d/a.jpg=m.png"],
        box=["b.jpg=1,2,3,4"],
        point=[f"{here}/d/a.jpg=1,2,0", "d/../d/a.jpg=3,4,0"],
        absent=[],
    )
    assert [m.place for m in marked] == [Path("d/a.jpg"), Path("b.jpg")]
    assert marked[0].mask == Path("m.png")
    assert len(marked[0].drawn["points"]) == 2


@pytest.mark.parametrize("name", ["f=1,2,3,4", "a=b.jpg", "1,2=3,4", "é ü.jpg"])
def test_marks_on_files_with_odd_names(name: str) -> None:
    touch(name)
    (marked,) = flags(box=[f"{name}=5,6,7,8"], point=[f"{name}=1,2"])
    assert marked.place == Path(name)
    assert marked.drawn["boxes"][0].xyxy == (5, 6, 7, 8)


@pytest.mark.parametrize(
    ("flag", "text", "says"),
    [
        ("box", "a.jpg", r"IMAGE=x1,y1,x2,y2\[,class\] is expected"),
        ("box", "a.jpg=1,2,3", r"IMAGE=x1,y1,x2,y2\[,class\] is expected"),
        ("box", "a.jpg=1,2,3,nan", "is expected"),
        ("box", "a.jpg=1,2,3,4,0", "class 0 cannot be used here; 0 means 'not this' and is for --point"),
        ("box", "a.jpg=1,2,3,4,cat", "class 'cat' is unknown; name it with --class cat"),
        ("point", "a.jpg=1", r"IMAGE=x,y\[,class\] is expected"),
        ("point", "a.jpg=1,2,-1", "class -1 cannot be used here; classes count from 1"),
        ("scribble", "a.jpg=1,2;3", "IMAGE=x,y;x,y;"),
        ("scribble", "a.jpg=1,2,1;3,4", "IMAGE=x,y;x,y;"),
    ],
)
def test_wrong_marks_say_what_is_expected(flag: str, text: str, says: str) -> None:
    touch("a.jpg")
    with pytest.raises(typer.BadParameter, match=says) as caught:
        flags(**{flag: [text]})
    assert str(caught.value).startswith(f"--{flag} {text!r}")


def test_marks_on_missing_images_are_named() -> None:
    with pytest.raises(ImageError, match=r"^no\.jpg: there is no such image \(from --box"):
        flags(box=["no.jpg=1,2,3,4"])
    with pytest.raises(ImageError, match=r"^no\.jpg: there is no such image \(from --absent"):
        flags(absent=["no.jpg"])


def test_an_absent_image_is_not_marked_as_well() -> None:
    touch("a.jpg", "m.png")
    assert flags(absent=["a.jpg"], point=["a.jpg=1,2,0"])[0].absent
    with pytest.raises(typer.BadParameter, match="another flag marks the thing on this image; drop one"):
        flags(absent=["a.jpg"], cue=["a.jpg=m.png"])


def test_two_masks_for_one_image_are_refused() -> None:
    touch("a.jpg", "m.png", "n.png")
    with pytest.raises(typer.BadParameter, match="has a mask already; give one mask to each image"):
        flags(cue=["a.jpg=m.png", "a.jpg=n.png"])


def test_classes_get_the_ids_that_follow() -> None:
    assert [(c.id, c.name) for c in class_list(["cell", "nucleus"])] == [(1, "cell"), (2, "nucleus")]
    known = [ClassInfo(1, "cell"), ClassInfo(5, "vessel")]
    assert [(c.id, c.name) for c in class_list(["cell", "new"], known)] == [
        (1, "cell"),
        (5, "vessel"),
        (6, "new"),
    ]
    with pytest.raises(typer.BadParameter, match="'cell' is given twice"):
        class_list(["cell", "cell"])
    with pytest.raises(typer.BadParameter, match="a class needs a name"):
        class_list([" "])


@pytest.mark.parametrize("shown", [Shown, FrameShown, SliceShown])
def test_help_says_how_each_kind_of_mark_is_written(shown: type[MarkFlags]) -> None:
    def command(marks: MarkFlags) -> None:
        """Look at the marks."""

    command.__annotations__["marks"] = shown
    given = signature(grouped(command)).parameters
    for flag, kind in (("box", Box), ("point", Point), ("scribble", Scribble)):
        (option,) = given[flag].annotation.__metadata__
        assert option.metavar == f"{shown.places.form}={kind.form}[,class]"
