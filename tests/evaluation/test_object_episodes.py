"""Objects on fixed episodes, with the exact pack: what is red is the thing, and every figure is known beforehand."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import BLUE, RED, episode
from PIL import Image

import cuecast
from cuecast.core.errors import EpisodeError
from cuecast.core.values import Example, Marks
from cuecast.core.values import Image as CueImage
from cuecast.evaluation.episodes import draw_episodes, list_digest, read_episodes, write_episodes
from cuecast.evaluation.object_baselines import connected_ids, shown_diameter, watershed_ids
from cuecast.evaluation.object_pictures import write_object_pictures
from cuecast.evaluation.objects import ObjectResult, evaluate_objects

SIZE = (40, 60)


def disc(centre: tuple[float, float], radius: float = 8) -> np.ndarray:
    """(40, 60) bool."""
    y, x = np.ogrid[: SIZE[0], : SIZE[1]]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def drawn(root: Path, name: str, *things: np.ndarray, ignored: np.ndarray | None = None) -> dict[str, Any]:
    """A picture of red things with their mask and ids, as an episode shows it."""
    ids = np.zeros(SIZE, np.uint16)
    for number, thing in enumerate(things, start=1):
        ids[thing] = number
    pixels = np.full((*SIZE, 3), BLUE, np.uint8)
    pixels[ids > 0] = RED
    mask = (ids > 0).astype(np.uint8)
    if ignored is not None:
        mask[ignored] = 255
    for folder, picture in (("images", pixels), ("masks", mask), ("masks_instances", ids)):
        (root / "s" / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(root / "s" / folder / f"{name}.png")
    shown = {"image": f"s/images/{name}.png", "mask": f"s/masks/{name}.png"}
    return {**shown, "value": [1], "instances": f"s/masks_instances/{name}.png"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two episodes of set s: four things of which three touch, and two that lie apart; and a list of them."""
    root = tmp_path_factory.mktemp("objects")
    cue = drawn(root, "cue", disc((12, 12)), disc((28, 45)))
    touching = drawn(root, "touching", *(disc((12, x)) for x in (10, 27, 44)), disc((31, 50)))
    apart = drawn(root, "apart", disc((12, 12)), disc((28, 48)))
    episodes = [episode(id=n, set="s", cues=[cue], query=q) for n, q in (("t", touching), ("a", apart))]
    listed = root / "list.jsonl"
    listed.write_text("".join(json.dumps(e) + "\n" for e in episodes), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def result(folder: Path) -> ObjectResult:
    return evaluate_objects(cuecast.load("colours"), read_episodes(folder / "list.jsonl"), folder)


def test_each_method_splits_the_same_mask(result: ObjectResult) -> None:
    found = {(o.id, o.method): o for o in result.outcomes}
    assert list(found) == [(e, m) for e in "ta" for m in ("connected", "watershed", "cuecast")]
    joined, split = found["t", "connected"], found["t", "watershed"]
    assert (joined.found, joined.true, split.found, split.true) == (2, 4, 4, 4)
    # The three that touch are one component, of which each has a third.
    assert (joined.precision, joined.recall, joined.f1) == (1 / 2, 1 / 4, 1 / 3)
    assert joined.count_error == 1 / 2
    assert joined.ap == pytest.approx(1 / 5)
    assert joined.pq == pytest.approx(1 / 3)
    assert (split.f1, split.count_error) == (1, 0)
    assert split.pq > 0.95
    assert all(found["a", m].f1 == found["a", m].ap == 1 for m in ("connected", "watershed", "cuecast"))
    assert {o.iou for o in result.outcomes} == {1.0}


def test_means_within_a_set_and_over_sets(result: ObjectResult) -> None:
    assert [(s.set, s.shots, s.method, s.episodes) for s in result.scores()] == [
        ("s", 1, "connected", 2),
        ("s", 1, "watershed", 2),
        ("s", 1, "cuecast", 2),
    ]
    assert result.scores()[0].f1 == pytest.approx((1 / 3 + 1) / 2)
    assert [s.set for s in result.means()] == ["mean"] * 3
    assert [s.f1 for s in result.means()] == [s.f1 for s in result.scores()]


def test_table_csv_and_json_hold_the_same_figures(result: ObjectResult) -> None:
    lines = result.as_table().splitlines()
    assert lines[0].split()[:6] == ["set", "cues", "method", "precision", "recall", "F1"]
    assert lines[1].split()[:6] == ["s", "1", "connected", "0.750", "0.625", "0.667"]
    assert lines[4].split()[:6] == ["mean", "1", "connected", "0.750", "0.625", "0.667"]
    assert "pack colours" in lines[-1]
    rows = list(csv.DictReader(io.StringIO(result.as_csv())))
    assert [(r["set"], r["method"], r["f1"]) for r in rows][::3] == [
        ("s", "connected", "0.666667"),
        ("mean", "connected", "0.666667"),
    ]
    record = json.loads(json.dumps(result.as_dict()))
    assert record["means"][0]["f1"] == pytest.approx(2 / 3)
    assert [e["id"] for e in record["episodes"]] == ["t"] * 3 + ["a"] * 3
    assert len(result.episodes_csv().splitlines()) == 1 + 6


def test_two_processes_give_the_same_figures(folder: Path, result: ObjectResult) -> None:
    other = evaluate_objects(cuecast.load("colours"), read_episodes(folder / "list.jsonl"), folder, workers=2)
    assert [(o.id, o.method, o.f1, o.pq) for o in other.outcomes] == [
        (o.id, o.method, o.f1, o.pq) for o in result.outcomes
    ]


def test_what_is_ignored_or_not_told_apart_does_not_count(tmp_path: Path) -> None:
    cue = drawn(tmp_path, "cue", disc((12, 12)))
    query = drawn(tmp_path, "q", disc((12, 12)), disc((28, 48)), ignored=disc((28, 48)))
    crowd = drawn(tmp_path, "crowd", disc((12, 12)), disc((28, 48)))
    ids = np.asarray(Image.open(tmp_path / crowd["instances"])).copy()
    ids[disc((28, 48))] = 0  # several things that nobody has told apart
    Image.fromarray(ids).save(tmp_path / crowd["instances"])
    other = drawn(tmp_path, "other", disc((12, 12)), disc((28, 48)))
    mask = np.asarray(Image.open(tmp_path / other["mask"])).copy()
    mask[disc((28, 48))] = 2  # of a class that is not asked for: what was found there is too much
    Image.fromarray(mask).save(tmp_path / other["mask"])
    listed = tmp_path / "list.jsonl"
    shown = {"q": query, "crowd": crowd, "other": other}
    listed.write_text(
        "".join(json.dumps(episode(id=n, cues=[cue], query=q)) + "\n" for n, q in shown.items())
    )
    outcomes = evaluate_objects(cuecast.load("colours"), read_episodes(listed), tmp_path).outcomes
    figures = {o.id: (o.found, o.true, o.f1) for o in outcomes if o.method == "connected"}
    assert figures == {"q": (1, 1, 1), "crowd": (1, 1, 1), "other": (2, 1, pytest.approx(2 / 3))}


def test_a_query_without_the_thing_has_no_objects(tmp_path: Path) -> None:
    cue = drawn(tmp_path, "cue", disc((12, 12)))
    nothing = drawn(tmp_path, "nothing")["image"]
    listed = tmp_path / "list.jsonl"
    listed.write_text(json.dumps(episode(cues=[cue], query={"image": nothing, "mask": None})) + "\n")
    outcomes = evaluate_objects(cuecast.load("colours"), read_episodes(listed), tmp_path).outcomes
    assert [(o.found, o.true, o.f1, o.pq, o.count_error) for o in outcomes] == [(0, 0, 1, 1, 0)] * 3


def test_a_query_whose_things_nobody_told_apart_is_named(folder: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.jsonl"
    lines = (folder / "list.jsonl").read_text().splitlines()
    record = json.loads(lines[1])
    del record["query"]["instances"]
    listed.write_text(f"{lines[0]}\n{json.dumps(record)}\n")
    with pytest.raises(EpisodeError, match=r"episode a: .*apart\.png: nothing says .*\"instances\""):
        evaluate_objects(cuecast.load("colours"), read_episodes(listed), folder)


def test_lists_keep_their_ids_and_refuse_what_is_none(folder: Path, tmp_path: Path) -> None:
    episodes = read_episodes(folder / "list.jsonl")
    assert episodes[0].query.instances == "s/masks_instances/touching.png"
    copy = write_episodes(tmp_path / "copy.jsonl", episodes)
    assert read_episodes(copy) == episodes
    record = episode(query={"image": "a.png", "mask": "m.png"})
    for wrong in (3, ["a.png"]):
        record["query"]["instances"] = wrong
        copy.write_text(json.dumps(record))
        with pytest.raises(EpisodeError, match="line 1, query: instances must be a path"):
            read_episodes(copy)
    copy.write_text(json.dumps(episode(query={"image": "a.png", "mask": None, "instances": "a.png"})))
    with pytest.raises(EpisodeError, match="go with the mask"):
        read_episodes(copy)


def test_ids_belong_to_the_digest_of_a_list(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "list.jsonl").read_text()
    bare = tmp_path / "bare.jsonl"
    records = [json.loads(line) for line in lines.splitlines()]
    for record in records:
        for shown in (*record["cues"], record["query"]):
            del shown["instances"]
    bare.write_text("".join(json.dumps(r) + "\n" for r in records))
    assert list_digest(read_episodes(bare)) != list_digest(read_episodes(folder / "list.jsonl"))


def test_lists_that_are_drawn_have_the_ids_that_are_there(folder: Path) -> None:
    episodes = draw_episodes(folder, shots=(1,), queries=1)
    for shown in (*episodes[0].cues, episodes[0].query):
        assert shown.instances == (shown.mask or "").replace("masks/", "masks_instances/")


def test_components_touch_at_corners_and_basins_do_not_leave_the_mask() -> None:
    mask = np.zeros((6, 6), bool)
    mask[:2, :2] = mask[2:4, 2:4] = True
    assert connected_ids(mask).max() == 1
    pair = disc((12, 12)) | disc((12, 28))
    ids = watershed_ids(pair, 16.0)
    assert ids.max() == 2
    assert ((ids > 0) == pair).all()
    assert ids[12, 12] != ids[12, 28]
    assert (watershed_ids(pair, float("inf")) == connected_ids(pair)).all()
    assert not watershed_ids(np.zeros((4, 4), bool), 3.0).any()
    speck = np.zeros((9, 9), bool)
    speck[2:4, 2:4] = speck[7, 7] = speck[0] = True  # nowhere deeper than a pixel
    assert (watershed_ids(speck, 2.0) > 0)[speck].all()
    assert watershed_ids(np.ones((5, 5), bool), 2.0).all()


def test_the_usual_size_is_taken_from_the_cues() -> None:
    ids = np.zeros(SIZE, np.int32)
    ids[:10, :20], ids[:10, 20:40], ids[20:30, 20:30] = 1, 2, 3
    image = CueImage(np.zeros((*SIZE, 3), np.uint8))
    told = Example(image, Marks(SIZE, np.minimum(ids, 1), objects=ids))
    usual = (4 / np.pi * 200) ** 0.5
    assert shown_diameter([told], SIZE) == pytest.approx(usual)
    assert shown_diameter([told], (80, 120)) == pytest.approx(2 * usual)
    assert shown_diameter([told], (80, 120), "pixel") == pytest.approx(usual)
    # not told apart: one component of 400 pixels and one of 100
    plain = Example(image, Marks(SIZE, np.minimum(ids, 1)))
    expected = ((4 / np.pi * 400) ** 0.5 + (4 / np.pi * 100) ** 0.5) / 2
    assert shown_diameter([plain], SIZE) == pytest.approx(expected)
    nothing = Example(image, Marks(SIZE, absent=True))
    assert shown_diameter([nothing], SIZE) == float("inf")


def test_the_best_and_the_worst_of_a_set_are_pictured(
    folder: Path, result: ObjectResult, tmp_path: Path
) -> None:
    episodes = read_episodes(folder / "list.jsonl")
    paths = write_object_pictures(cuecast.load("colours"), result, episodes, folder, tmp_path / "new")
    assert [p.name for p in paths] == ["s-good.png", "s-bad.png"]
    with Image.open(paths[1]) as picture:
        assert picture.width > 4 * 60  # the truth and three answers
        assert (np.asarray(picture) != 255).any()
