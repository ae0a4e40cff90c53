"""Episode lists: what is read, what is refused and with which words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pictures import episode

from cuecast.core.errors import EpisodeError
from cuecast.evaluation.episodes import Episode, EpisodeImage, find_root, is_thin, read_episodes, select


def listed(folder: Path, *records: object) -> Path:
    path = folder / "list.jsonl"
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in records), encoding="utf-8")
    return path


def test_reads_every_field_in_order(tmp_path: Path) -> None:
    second = episode(id="e2", query={"image": "c.png", "mask": None, "value": []})
    first, other = read_episodes(listed(tmp_path, episode(), "", second))
    assert first == Episode(
        id="e1",
        set="s1",
        task="red",
        cues=(EpisodeImage("images/a.png", "masks/a.png", (1,)),),
        query=EpisodeImage("images/b.png", "masks/b.png", (1,)),
    )
    assert other.id == "e2"
    assert other.query == EpisodeImage("c.png", None, ())
    assert first.shots == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: a JSON object is expected, got list"),
        ({"id": "e2", "set": "s"}, "line 2: task, cues, query missing"),
        (episode(id="e2", cues=[]), "line 2: cues must be a list of at least one"),
        (episode(id="e2", cues=["a.png"]), 'line 2, cue 1: expected {"image": PATH'),
        (episode(id="e2", query={"image": "a.png", "mask": 3}), "line 2, query: mask must be a path or null"),
        (
            episode(id="e2", query={"image": "a.png", "value": ["cell"]}),
            "line 2, query: value must be a list of whole numbers",
        ),
        (episode(), "line 2: the id 'e1' occurs twice; give each episode its own"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, line: object, says: str) -> None:
    path = listed(tmp_path, episode(), line)
    with pytest.raises(EpisodeError) as caught:
        read_episodes(path)
    assert str(caught.value).startswith(str(path))
    assert says in str(caught.value)


def test_empty_and_missing_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match=r"list\.jsonl: the episode list is empty"):
        read_episodes(listed(tmp_path, "", ""))
    with pytest.raises(
        EpisodeError, match=r"none\.jsonl: the episode list cannot be read \(No such file or directory\);"
    ):
        read_episodes(tmp_path / "none.jsonl")


@pytest.mark.parametrize("root", ["episodes", ".", "dev_absent", "dev"])
def test_the_root_is_found_near_the_list(tmp_path: Path, root: str) -> None:
    image = tmp_path / root / "images" / "b.png"
    image.parent.mkdir(parents=True)
    image.touch()
    path = tmp_path / "episodes" / "dev_absent.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(episode()))
    assert find_root(path, read_episodes(path)) == (tmp_path / root).resolve()


def test_no_root_says_how_to_give_one(tmp_path: Path) -> None:
    path = listed(tmp_path, episode())
    with pytest.raises(EpisodeError, match=r"images/b\.png is in none of .*--root"):
        find_root(path, read_episodes(path))


def test_selection_by_set_shots_and_number(tmp_path: Path) -> None:
    cue = episode()["cues"][0]
    episodes = read_episodes(
        listed(
            tmp_path,
            episode(id="a"),
            episode(id="b"),
            episode(id="c", cues=[cue, cue]),
            episode(id="d", task="green"),
            episode(id="e", set="s2"),
        )
    )
    assert [e.id for e in select(episodes)] == list("abcde")
    assert [e.id for e in select(episodes, sets=["s1"], shots=[1])] == list("abd")
    assert [e.id for e in select(episodes, limit=1)] == list("acde")
    with pytest.raises(EpisodeError, match="no episode is left"):
        select(episodes, sets=["unknown"])


def test_the_card_of_a_set_says_that_its_things_are_thin(tmp_path: Path) -> None:
    for name, card in (
        ("a", {"thin": True}),
        ("b", {"thin": False}),
        ("c", {"count": 3}),
        ("d", {"thin": 1}),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "card.json").write_text(json.dumps(card), encoding="utf-8")
    assert [is_thin(tmp_path, name) for name in ("a", "b", "c", "no set")] == [True, False, False, False]
    with pytest.raises(EpisodeError, match=r"card\.json: thin is 1; write true or false"):
        is_thin(tmp_path, "d")
    (tmp_path / "d/card.json").write_text("{", encoding="utf-8")
    with pytest.raises(EpisodeError, match=r"card\.json: is not valid JSON"):
        is_thin(tmp_path, "d")
