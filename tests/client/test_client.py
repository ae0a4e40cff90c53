"""The client against a real service: the same words, and the same masks, as on this machine."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import BLUE, RED, mask, picture
from PIL import Image
from server import saying, service
from small_packs import coin_pack

import cuecast
import cuecast.client
from cuecast.cli import run
from cuecast.client.remote import RemotePredictor, Service
from cuecast.core.errors import CuecastError, CueError, ImageError, InputError, PackError
from cuecast.core.ordered import Step


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with service(tmp_path_factory.mktemp("service") / "data") as address:
        yield address


@pytest.fixture
def remote(url: str) -> Iterator[Service]:
    with cuecast.client.connect(url) as connected:
        yield connected


@pytest.fixture
def predictor(remote: Service) -> RemotePredictor:
    return remote.load("colours")


def projects(remote: Service) -> int:
    total: int = remote.wire.ask("GET", "/v1/projects")["total"]
    return total


def cues(folder: Path) -> dict[str, list[cuecast.Cue]]:
    """Every kind of cue, in one concept each."""
    a, b, c = (picture(folder / f"{n}.png", k) for n, k in (("a", 3), ("b", 2), ("c", 0)))
    pixels = np.asarray(Image.open(a))
    pages = folder / "pages.tif"
    Image.open(c).save(pages, save_all=True, append_images=[Image.open(b)])
    marked = mask(folder / "a_mask.png", [1, 1, 1, 0, 0, 0, 0, 0])
    unsure = mask(folder / "a_unsure.png", [1, 1, 255, 0, 0, 0, 0, 0])
    two = mask(folder / "a_two.png", [1, 1, 1, 0, 2, 2, 2, 2])
    square = [(0, 0), (3, 0), (3, 4), (0, 4)]
    return {
        "mask": [cuecast.Cue(a, mask=marked)],
        "ignore": [cuecast.Cue(a, mask=unsure, value=1)],
        "two classes": [cuecast.Cue(a, mask=two)],
        "value": [cuecast.Cue(a, mask=two, value=[2])],
        "bytes": [cuecast.Cue(a.read_bytes(), mask=marked)],
        "array": [cuecast.Cue(pixels, mask=np.asarray(Image.open(marked)))],
        "page": [cuecast.Cue(pages, page=1, points=[(0, 0)])],
        "box": [cuecast.Cue(a, boxes=[(0, 0, 3, 4)])],
        "points": [cuecast.Cue(a, points=[(1, 1), (6, 1, 0)])],
        "scribbles": [cuecast.Cue(b, scribbles=[cuecast.Scribble(((0, 0), (1, 3)), 1)])],
        "polygons": [cuecast.Cue(a, polygons=[square])],
        "absent": [cuecast.Cue(a, mask=marked), cuecast.Cue(c, absent=True)],
        "joined": [cuecast.Cue(a, points=[(1, 1)]), cuecast.Cue(a, points=[(6, 1, 0)])],
    }


KINDS = (
    "mask", "ignore", "two classes", "value", "bytes", "array", "page", "box", "points", "scribbles", "polygons",
    "absent", "joined",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_masks_are_those_of_this_machine(predictor: RemotePredictor, tmp_path: Path, kind: str) -> None:
    shown = cues(tmp_path)[kind]
    queries = [picture(tmp_path / f"q{n}.png", n, (6, 9)) for n in (0, 4, 9)]
    local = cuecast.load("colours").learn(shown)
    with predictor.learn(shown) as concept:
        assert concept.classes == local.classes
        for query in (*queries, tmp_path / "a.png"):
            here, there = local.segment(query), concept.segment(query)
            assert np.array_equal(here.mask, there.mask)
            assert (here.verdict, here.classes, here.thresholds) == (
                there.verdict,
                there.classes,
                there.thresholds,
            )
            assert there.confidence == pytest.approx(here.confidence, abs=1e-6)
            assert [o.xyxy for o in here.objects()] == [o.xyxy for o in there.objects()]
            assert here.overlay().tobytes() == there.overlay().tobytes()


def test_a_prediction_is_saved_as_here_and_has_no_scores(predictor: RemotePredictor, tmp_path: Path) -> None:
    shown = cues(tmp_path)["mask"]
    query = picture(tmp_path / "q.png", 4)
    with predictor.learn(shown, classes=["red"]) as concept:
        found = concept.segment(query)
    here = cuecast.load("colours").learn(shown, classes=["red"]).segment(query)
    assert found.save(tmp_path / "there.png").read_bytes() == here.save(tmp_path / "here.png").read_bytes()
    assert isinstance(found, cuecast.Prediction)
    assert found.scores.shape == (0, 4, 8)
    assert not found.mask.flags.writeable
    with pytest.raises(CuecastError, match="sends the mask, not the scores"):
        found.uncertainty  # noqa: B018
    with pytest.raises(CuecastError, match="sends the mask, not the scores"):
        found.save_uncertainty(tmp_path / "unsure.png")


def test_objects_of_a_mask_are_shown_to_the_service(
    remote: Service, predictor: RemotePredictor, tmp_path: Path
) -> None:
    """Ids beside a mask, and polygons, each of which is one."""
    a = picture(tmp_path / "a.png", 3)
    ids = np.zeros((4, 8), np.int32)
    ids[:, :1], ids[:, 1:3] = 1, 2
    squares = [[(0, 0), (1, 0), (1, 4), (0, 4)], [(1, 0), (3, 0), (3, 4), (1, 4)]]
    for cue in (cuecast.Cue(a, mask=ids > 0, objects=ids), cuecast.Cue(a, polygons=squares)):
        with predictor.learn([cue]) as concept:
            images = f"/v1/projects/{concept.project}/images"
            (image,) = remote.wire.ask("GET", images)["items"]
            sent = remote.wire.ask("GET", f"{images}/{image['id']}/marks")
            assert sent["mask"]["objects"] == [[0, 4, 28], [4, 8, 20]]
            here, there = cuecast.load("colours").learn([cue]).segment(a), concept.segment(a)
            assert here.told_apart is not None
            assert np.array_equal(here.instances, ids)
            assert np.array_equal(there.instances, ids)
            assert [(o.xyxy, o.confidence) for o in there.objects()] == [
                ((0, 0, 1, 4), None),
                ((1, 0, 3, 4), None),
            ]


def test_queries_of_every_form(predictor: RemotePredictor, tmp_path: Path) -> None:
    query = picture(tmp_path / "q.png", 4)
    pages = tmp_path / "book.tif"
    Image.open(picture(tmp_path / "none.png", 0)).save(
        pages, save_all=True, append_images=[Image.open(query)]
    )
    pixels = np.asarray(Image.open(query))
    with predictor.learn(cues(tmp_path)["mask"]) as concept:
        for form in (query, str(query), query.read_bytes(), Image.open(query), pixels):
            assert int(concept.segment(form).mask.sum()) == 16
        assert int(concept.segment(pages, page=1).mask.sum()) == 16
        assert concept.segment(pages).verdict == "absent"
        with pytest.raises(ImageError, match=r"none\.jpg"):
            concept.segment(tmp_path / "none.jpg")


def test_many_come_in_order(predictor: RemotePredictor, tmp_path: Path) -> None:
    queries = [picture(tmp_path / f"q{n}.png", n) for n in range(8)]
    with predictor.learn(cues(tmp_path)["mask"]) as concept:
        found = [int(p.mask.sum()) for p in concept.segment_many(queries, workers=3)]
    assert found == [4 * n for n in range(8)]


def test_add_teaches_more(predictor: RemotePredictor, tmp_path: Path) -> None:
    """A mask on the same picture takes the place of the one there; other marks join."""
    query = tmp_path / "q.png"
    pixels = np.full((4, 8, 3), BLUE, np.uint8)
    pixels[:, :4], pixels[:, 4:6] = RED, (9, 9, 9)
    Image.fromarray(pixels).save(query)
    shown = cues(tmp_path)
    first = shown["points"]
    more = [cuecast.Cue(query, points=[(4, 0)])]
    local = cuecast.load("colours").learn(first)
    with predictor.learn(first) as concept:
        assert int(concept.segment(query).mask.sum()) == 16
        grown = concept.add(more)
        assert grown.project == concept.project
        assert (len(concept.examples), len(grown.examples)) == (1, 2)
        assert np.array_equal(grown.segment(query).mask, local.add(more).segment(query).mask)
        assert int(grown.segment(query).mask.sum()) == 24
        with pytest.raises(CueError, match="one cue says 'absent' and another marks the thing"):
            grown.add([cuecast.Cue(query, absent=True)])
        with pytest.raises(CueError, match="class 2"):
            grown.add([cuecast.Cue(query, points=[(7, 0, 2)])])


def test_thresholds_are_those_of_the_project(predictor: RemotePredictor, tmp_path: Path) -> None:
    query = picture(tmp_path / "q.png", 3)
    classes = [cuecast.ClassInfo(1, "red", threshold=0.3)]
    with predictor.learn(cues(tmp_path)["mask"], classes) as concept:
        assert concept.segment(query).thresholds == (0.3,)
        assert concept.with_thresholds({"red": 0.7}).segment(query).thresholds == (0.7,)
        usual = concept.with_thresholds({"red": None})
        assert usual.segment(query).thresholds == (0.5,)
        assert usual.classes == (cuecast.ClassInfo(1, "red"),)
        with pytest.raises(CueError, match="class 'blue', and the classes are red"):
            concept.with_thresholds({"blue": 0.5})


def test_a_project_lives_as_long_as_its_concept(
    remote: Service, predictor: RemotePredictor, tmp_path: Path
) -> None:
    before = projects(remote)
    with predictor.learn(cues(tmp_path)["mask"]) as concept:
        assert projects(remote) == before + 1
    assert projects(remote) == before
    with pytest.raises(CuecastError, match="is not there; it may have been deleted"):
        concept.segment(tmp_path / "a.png")


def test_nothing_is_left_where_learning_fails(
    remote: Service, predictor: RemotePredictor, tmp_path: Path
) -> None:
    before = projects(remote)
    shown = cues(tmp_path)
    a = tmp_path / "a.png"
    wrong: list[tuple[list[Any], str]] = [
        ([], "no cues"),
        ([cuecast.Cue(a, absent=True)], "all cues say 'absent'"),
        ([cuecast.Cue(a, boxes=[(0, 0, 99, 4)])], "reaches outside the image"),
        ([*shown["mask"], cuecast.Cue(a, absent=True)], "one cue says 'absent'"),
    ]
    for given, said in wrong:
        with pytest.raises(CueError, match=said):
            predictor.learn(given)
    assert projects(remote) == before


def test_a_pack_that_is_not_there_is_refused(remote: Service, url: str) -> None:
    said = f"{url.rstrip('/')}: it works with the pack 'colours' and has none that is called 'gone'"
    with pytest.raises(PackError, match=said):
        remote.load("gone")


def test_another_pack_and_its_ready_concept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "shelf"))
    coin_pack(tmp_path / "shelf")
    query = picture(tmp_path / "q.png", 5)
    with service(tmp_path / "data") as address:
        predictor = cuecast.client.load("coins", url=address)
        with predictor.learn(cues(tmp_path)["mask"]) as concept:
            made = predictor.wire.ask("GET", f"/v1/projects/{concept.project}")
            assert (made["pack"], made["concept"]) == ("coins", None)
        here = cuecast.load("coins").concept("red")
        with predictor.concept("red") as ready:
            found = ready.segment(query)
            assert (found.mask == here.segment(query).mask).all()
            assert (ready.classes, ready.examples) == (here.classes, ())
            more = ready.add([cuecast.Cue(picture(tmp_path / "n.png", 0), absent=True)])
            assert (more.classes, len(more.examples)) == (here.classes, 1)
        with pytest.raises(PackError, match="no concept 'blue'; its concepts are: red"):
            predictor.concept("blue")
        predictor.wire.close()


def test_load_is_one_line(url: str, tmp_path: Path) -> None:
    predictor = cuecast.client.load("colours", url=url)
    with predictor.learn(cues(tmp_path)["mask"]) as concept:
        assert concept.segment(tmp_path / "b.png").verdict == "found"
    predictor.wire.close()


def test_with_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    assert run(["keys", "create", "me", "--data", str(data)]) == 0
    key = capsys.readouterr().out.strip()
    with service(data, "--require-key") as address:
        with cuecast.client.connect(address) as nobody, pytest.raises(CuecastError, match="key"):
            nobody.load("colours")
        with cuecast.client.connect(address, key=key) as known:
            assert known.load("colours").pack == "colours"


def test_a_project_is_taken_back_where_the_service_gives_up(tmp_path: Path) -> None:
    full = {"error": {"code": "cannot_write", "message": "the disk is full; free some", "details": None}}
    with saying((201, {}, {"id": "p1"}), (507, {}, full), (204, {}, "")) as (url, asked):
        predictor = RemotePredictor(cuecast.client.connect(url).wire, "colours")
        with pytest.raises(cuecast.OutputError, match="the disk is full"):
            predictor.learn(cues(tmp_path)["mask"])
        predictor.wire.close()
    assert [what for what, _ in asked] == [
        "POST /v1/projects",
        "POST /v1/projects/p1/images?name=a.png",
        "DELETE /v1/projects/p1",
    ]


def test_things_that_touch_are_told_apart_as_here(predictor: RemotePredictor, tmp_path: Path) -> None:
    a = picture(tmp_path / "a.png", 8, (8, 30))
    ids = np.zeros((8, 30), np.int32)
    ids[:, :4], ids[:, 4:8] = 1, 2
    cue = cuecast.Cue(a, mask=ids > 0, objects=ids)
    local = cuecast.load("colours").learn([cue])
    with predictor.learn([cue]) as concept:
        for mode in ("auto", "split", "connected"):
            here, there = local.with_objects(mode).segment(a), concept.with_objects(mode).segment(a)
            assert (here.instances == there.instances).all()
            assert [o.xyxy for o in here.objects()] == [o.xyxy for o in there.objects()]
        assert here.instances.max() == 1
        with pytest.raises(CueError, match="objects='apart' is unknown"):
            concept.with_objects("apart")  # type: ignore[arg-type]
    with predictor.learn([cue], objects="connected") as concept:
        assert concept.segment(a).instances.max() == 1


def test_a_project_is_run_checked_exported_and_compared(remote: Service, tmp_path: Path) -> None:
    files = {n: picture(tmp_path / f"{n}.png", red) for n, red in (("a", 3), ("b", 2), ("c", 4), ("d", 0))}
    first = cuecast.Cue(files["a"], mask=mask(tmp_path / "a_mask.png", [1, 1, 1, 0, 0, 0, 0, 0]))
    with remote.load("colours").learn([first], classes=["red"]) as concept:
        project = remote.project(concept.project)
        ids = {n: project.add(files[n])["id"] for n in "bcd"}
        with pytest.raises(CuecastError, match="has no prediction yet"):
            project.right(ids["b"])
        steps: list[Step] = []
        counts = project.run(progress=steps.append)["counts"]
        assert (counts["found"], counts["absent"]) == (3, 1)
        assert steps[-1].done == steps[-1].total == 4

        # b and d are right, c is wrong; a, which is marked, is checked without a word.
        for name in "bd":
            project.right(ids[name])
        project.right(ids["b"])
        project.wrong(ids["c"])
        assert [i["name"] for i in project.images(checked=True)] == ["a.png", "b.png", "d.png"]
        (left,) = project.images(checked=False)
        assert left["prediction"]["wrong"] is True
        project.wrong(ids["c"], wrong=False)
        assert not any(i["prediction"]["wrong"] for i in project.images())
        packed = project.export(tmp_path / "out/checked.zip", ["masks"], checked=True)
        with zipfile.ZipFile(packed) as archive:
            names = [n for n in archive.namelist() if n.startswith("masks/")]
        assert names == ["masks/a.png", "masks/b.png", "masks/d.png"]
        with pytest.raises(CuecastError, match="and not 'ytvis'"):
            project.export(tmp_path / "none.zip", ["ytvis"])
        assert not (tmp_path / "none.zip").exists()

        # What is right is known: a run that no longer finds it is worse.
        kept = project.keep("one cue")
        assert project.kept()[0].said == kept.said
        found = {row["image"]: row for row in kept.compare()}
        assert (found["b.png"]["likeness"], found["b.png"]["truth"]) == (1.0, {"before": 1.0, "after": 1.0})
        other = project.keep("the same")
        assert [row["likeness"] for row in kept.compare(other)] == [1.0] * 4
        kept.delete()
        assert [run.said["name"] for run in project.kept()] == ["the same"]


def test_labels_of_several_people_become_one_truth(remote: Service, tmp_path: Path) -> None:
    images = {n: picture(tmp_path / f"{n}.png", red) for n, red in (("a", 3), ("b", 2))}
    shown = cuecast.Cue(images["b"], points=[(1, 1), (6, 1, 0)])
    with remote.load("colours").learn([shown], classes=["red"]) as concept:
        project = remote.project(concept.project)
        image = project.add(images["a"])["id"]
        for person, width in (("Anna", 3), ("Ben", 4), ("Cleo", 2)):
            (tmp_path / person).mkdir()
            mask(tmp_path / person / "a.png", [1] * width + [0] * (8 - width))
            project.labels(tmp_path / person, person=person).store()
        told = project.people()
        assert told["agreement"] == pytest.approx((3 / 4 + 2 / 3 + 2 / 4) / 3)
        assert [p["name"] for p in told["people"]] == ["Anna", "Ben", "Cleo"]
        assert [i["people"] for i in project.images() if i["id"] == image] == [["Anna", "Ben", "Cleo"]]
        assert project.consensus() == ()
        assert [i["marks"] for i in project.images(checked=True)] == ["mask"]
        (refused,) = project.consensus([image], way="staple")
        assert (refused["image"], refused["code"]) == (image, "already_marked")
        assert project.consensus([image], way="staple", replace=True) == ()


def test_labels_become_marks_after_a_look(remote: Service, tmp_path: Path) -> None:
    images = {n: picture(tmp_path / f"{n}.png", red) for n, red in (("a", 3), ("b", 2))}
    folder, empty = tmp_path / "labels", tmp_path / "empty"
    folder.mkdir()
    empty.mkdir()
    mask(folder / "a.png", [2, 2, 2, 0, 0, 0, 0, 0])
    mask(folder / "z.png", [2, 2, 2, 0, 0, 0, 0, 0])
    shown = cuecast.Cue(images["b"], points=[(1, 1), (6, 1, 0)])
    with remote.load("colours").learn([shown], classes=["red"]) as concept:
        project = remote.project(concept.project)
        image = project.add(images["a"])["id"]
        looked = project.labels(folder, format="objects")
        assert (looked.said["count"], looked.said["stored"]) == (1, False)
        assert looked.said["images"][0]["objects"] == {"red": 1}
        assert looked.said["left_out"][0]["names"] == ["z.png"]
        assert [i["name"] for i in project.images(checked=True)] == []
        assert looked.store().said["stored"] is True
        assert [i["id"] for i in project.images(checked=True)] == [image]
        with pytest.raises(InputError, match="holds no file"):
            project.labels(empty)
        with pytest.raises(InputError, match="cannot be read"):
            project.labels(tmp_path / "none.json")
