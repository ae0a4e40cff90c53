"""Episode lists: JSON lines, each with cues, a query and its true mask, so that a figure can be made again.

    {"id": "wbc1/cell/1/0", "set": "wbc1", "task": "cell",
     "cues": [{"image": "wbc1/images/0001.jpg", "mask": "wbc1/masks/0001.png", "value": [1, 2]}],
     "query": {"image": "wbc1/images/0002.jpg", "mask": "wbc1/masks/0002.png", "value": [1, 2]}}

Paths are relative to a data root. `"mask": null` says that the thing is not in the picture. A set may have a card,
`<root>/<set>/card.json`; `"thin": true` there says that its things are lines (cracks, vessels, wires).
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuecast.core.errors import EpisodeError
from cuecast.io.files import read_json


@dataclass(frozen=True)
class EpisodeImage:
    """An image with the mask that is drawn on it, as paths relative to the data root.

    `mask` None means that the thing is not there. `value` lists the label values that count as the thing;
    None takes every value but 0 and the ignore value.
    """

    image: str
    mask: str | None
    value: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Episode:
    """Cues of one task, and a query whose true mask is known."""

    id: str
    set: str
    task: str
    cues: tuple[EpisodeImage, ...]
    query: EpisodeImage

    @property
    def shots(self) -> int:
        """The number of cues."""
        return len(self.cues)


def read_episodes(path: str | Path) -> list[Episode]:
    """The episodes of a JSON-lines file, in order; empty lines are skipped.

    Raises EpisodeError, which names the line, where one is malformed or an id occurs twice, or where there is
    none.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EpisodeError(
            f"{path}: the episode list cannot be read ({error}); give a file of JSON lines"
        ) from error
    episodes: dict[str, Episode] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        episode = _episode(line, f"{path}, line {number}")
        if episode.id in episodes:
            raise EpisodeError(
                f"{path}, line {number}: the id {episode.id!r} occurs twice; give each episode its own"
            )
        episodes[episode.id] = episode
    if not episodes:
        raise EpisodeError(f"{path}: the episode list is empty; one JSON object a line is expected")
    return list(episodes.values())


def find_root(path: str | Path, episodes: Sequence[Episode]) -> Path:
    """The folder that the paths of an episode list start from.

    Tried in this order: the list's own folder, its parent, and in that the folder of the list's stem or of
    the stem's first word (episodes/dev_absent.jsonl -> dev). The first that holds the first query is taken.
    Raises EpisodeError where none does.
    """
    here = Path(path).resolve().parent
    stem = Path(path).stem
    tried = [here, here.parent, here.parent / stem, here.parent / stem.split("_")[0]]
    for root in tried:
        if (root / episodes[0].query.image).is_file():
            return root
    raise EpisodeError(
        f"{path}: {episodes[0].query.image} is in none of {', '.join(map(str, dict.fromkeys(tried)))}; "
        "say with --root which folder the paths start from"
    )


def select(
    episodes: Iterable[Episode], sets: Sequence[str] = (), shots: Sequence[int] = (), limit: int | None = None
) -> list[Episode]:
    """The episodes of these sets and numbers of cues (all where empty), at most `limit` a task and
    number of cues.

    Raises EpisodeError where nothing is left.
    """
    taken: dict[tuple[str, str, int], int] = defaultdict(int)
    kept = []
    for episode in episodes:
        key = episode.set, episode.task, episode.shots
        if (sets and episode.set not in sets) or (shots and episode.shots not in shots):
            continue
        if limit is None or taken[key] < limit:
            taken[key] += 1
            kept.append(episode)
    if not kept:
        raise EpisodeError(
            "no episode is left after the selection; check the names of sets and the numbers of cues"
        )
    return kept


def list_digest(episodes: Iterable[Episode]) -> str:
    """SHA-256 over the episodes: equal for the same selection of the same list."""
    return hashlib.sha256(repr(list(episodes)).encode()).hexdigest()


def is_thin(root: str | Path, name: str) -> bool:
    """Whether the card of set `name`, where it has one, says that its things are thin.

    Raises EpisodeError where the card is no JSON object or `thin` is neither true nor false.
    """
    card = Path(root) / name / "card.json"
    if not card.is_file():
        return False
    thin = read_json(card, EpisodeError).get("thin", False)
    if not isinstance(thin, bool):
        raise EpisodeError(f"{card}: thin is {thin!r}; write true or false, or leave it out")
    return thin


def _episode(line: str, where: str) -> Episode:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise EpisodeError(f"{where}: not JSON ({error}); one object a line is expected") from error
    if not isinstance(record, dict):
        raise EpisodeError(f"{where}: a JSON object is expected, got {type(record).__name__}")
    missing = [k for k in ("id", "set", "task", "cues", "query") if k not in record]
    if missing:
        raise EpisodeError(
            f"{where}: {', '.join(missing)} missing; an episode has id, set, task, cues and query"
        )
    if not isinstance(record["cues"], list) or not record["cues"]:
        raise EpisodeError(f"{where}: cues must be a list of at least one")
    return Episode(
        id=str(record["id"]),
        set=str(record["set"]),
        task=str(record["task"]),
        cues=tuple(_shown(c, f"{where}, cue {i}") for i, c in enumerate(record["cues"], start=1)),
        query=_shown(record["query"], f"{where}, query"),
    )


def _shown(record: Any, where: str) -> EpisodeImage:
    if not isinstance(record, dict) or not isinstance(record.get("image"), str):
        raise EpisodeError(f'{where}: expected {{"image": PATH, "mask": PATH or null, "value": [1]}}')
    mask, value = record.get("mask"), record.get("value")
    if mask is not None and not isinstance(mask, str):
        raise EpisodeError(f"{where}: mask must be a path or null")
    if value is not None and not (isinstance(value, list) and all(type(v) is int for v in value)):
        raise EpisodeError(f"{where}: value must be a list of whole numbers")
    return EpisodeImage(record["image"], mask, None if value is None else tuple(value))
