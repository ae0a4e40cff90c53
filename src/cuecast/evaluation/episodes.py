"""Episode lists: JSON lines, each with cues, a query and its true mask, so that a figure can be made again.

    {"id": "wbc1/cell/1/0", "set": "wbc1", "task": "cell",
     "cues": [{"image": "wbc1/images/0001.jpg", "mask": "wbc1/masks/0001.png", "value": [1, 2]}],
     "query": {"image": "wbc1/images/0002.jpg", "mask": "wbc1/masks/0002.png", "value": [1, 2]}}

Paths are relative to a data root. `"mask": null` says that the thing is not in the picture. `"instances"` beside the
mask, where it is there, is a map of the same size that tells the things apart, an id each. Lists are drawn from folders
of pictures with masks, for curves over the number of cues:

    SET/images/NNNN.jpg    pictures
    SET/masks/NNNN.png     label maps of the same size: 0 background, 1, 2, ... classes, 255 ignore
    SET/masks_instances/NNNN.png  where there are any: ids of the things from 1, 0 for none
    SET/card.json          may name the classes: {"classes": {"1": "cytoplasm"}} or {"classes": {"cytoplasm": 1}};
                           `"thin": true` says that the things are lines (cracks, vessels, wires)
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cuecast.core.errors import EpisodeError, MaskError, cause
from cuecast.io.files import read_json, write_text
from cuecast.io.pixels import read_raster
from cuecast.io.places import list_images


@dataclass(frozen=True)
class EpisodeImage:
    """An image with the mask that is drawn on it, as paths relative to the data root.

    `mask` None means that the thing is not there. `value` lists the label values that count as the thing;
    None takes every value but 0 and the ignore value. `instances` holds an id for each thing of the mask; None: nobody
    has told them apart.
    """

    image: str
    mask: str | None
    value: tuple[int, ...] | None = None
    instances: str | None = field(default=None, repr=False)


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
            f"the episode list cannot be read ({cause(error)})", path, "give a file of JSON lines"
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
        raise EpisodeError("the episode list is empty", path, "one JSON object a line is expected")
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
        f"{episodes[0].query.image} is in none of {', '.join(map(str, dict.fromkeys(tried)))}",
        path,
        "say with --root which folder the paths start from",
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
    listed = list(episodes)
    told = [shown.instances for e in listed for shown in (*e.cues, e.query)]
    # Lists without them keep the digests that results of before were written with.
    return hashlib.sha256(f"{listed!r}{told if any(told) else ''}".encode()).hexdigest()


def is_thin(root: str | Path, name: str) -> bool:
    """Whether the card of set `name`, where it has one, says that its things are thin.

    Raises EpisodeError where the card is no JSON object or `thin` is neither true nor false.
    """
    card = Path(root) / name / "card.json"
    if not card.is_file():
        return False
    thin = read_json(card, EpisodeError).get("thin", False)
    if not isinstance(thin, bool):
        raise EpisodeError(f"thin is {thin!r}", card, "write true or false, or leave it out")
    return thin


def _episode(line: str, where: str) -> Episode:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise EpisodeError(f"not JSON ({error})", where, "one object a line is expected") from error
    if not isinstance(record, dict):
        raise EpisodeError(f"a JSON object is expected, got {type(record).__name__}", where)
    missing = [k for k in ("id", "set", "task", "cues", "query") if k not in record]
    if missing:
        raise EpisodeError(
            f"{', '.join(missing)} missing", where, "an episode has id, set, task, cues and query"
        )
    if not isinstance(record["cues"], list) or not record["cues"]:
        raise EpisodeError("cues must be a list of at least one", where)
    return Episode(
        id=str(record["id"]),
        set=str(record["set"]),
        task=str(record["task"]),
        cues=tuple(_shown(c, f"{where}, cue {i}") for i, c in enumerate(record["cues"], start=1)),
        query=_shown(record["query"], f"{where}, query"),
    )


def _shown(record: Any, where: str) -> EpisodeImage:
    if not isinstance(record, dict) or not isinstance(record.get("image"), str):
        raise EpisodeError('expected {"image": PATH, "mask": PATH or null, "value": [1]}', where)
    mask, value, instances = record.get("mask"), record.get("value"), record.get("instances")
    if mask is not None and not isinstance(mask, str):
        raise EpisodeError("mask must be a path or null", where)
    if instances is not None and not (isinstance(instances, str) and mask is not None):
        raise EpisodeError("instances must be a path, and go with the mask of the same things", where)
    if value is not None and not (isinstance(value, list) and all(type(v) is int for v in value)):
        raise EpisodeError("value must be a list of whole numbers", where)
    return EpisodeImage(record["image"], mask, None if value is None else tuple(value), instances)


IGNORE_VALUE = 255
SMALLEST_SHARE = 0.002
"""A class counts as shown in a picture from this share of its pixels on."""


def draw_episodes(
    folder: str | Path,
    shots: Sequence[int] = (1, 2, 4, 8, 16),
    queries: int = 4,
    tasks: int | None = None,
    seed: int = 0,
) -> list[Episode]:
    """Episodes from a folder of sets, or from one set; the same arguments and files give the same list.

    shots    numbers of cues; each query is asked with each of them.
    queries  queries of each task, fewer where there are not as many pictures. A task is a class of a set.
    tasks    tasks of each set, drawn at random; None takes all.

    A class shown in too few pictures for the largest number of cues is left out, so that every point of a curve is
    a mean over the same queries. Cues are nested: the 16 cues of a query begin with its 8, these with its 4, and so on,
    so that a curve shows what more cues add and not what other cues would have. A query is never among its cues. Draws
    of one set do not depend on the other sets. Paths start from `folder`.
    Raises EpisodeError where nothing is left, MaskError where a mask cannot be read.
    """
    root = Path(folder)
    counts = sorted(set(shots))
    if not counts or counts[0] < 1 or queries < 1:
        raise EpisodeError(f"numbers of cues and queries start at 1, got {list(shots)} and {queries}", folder)
    episodes = []
    for place in _sets(root):
        name = place.resolve().name
        holding = {v: p for v, p in _holding(place).items() if v and len(p) > counts[-1]}
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        chosen = sorted(random.permutation(sorted(holding)).tolist()[:tasks])
        for value in chosen:
            shown = [_drawn_on(root, place, stem, value) for stem in holding[value]]
            task = _class_names(place).get(value, f"class {value}")
            episodes += list(_nested(name, task, shown, counts, queries, seed))
    if not episodes:
        raise EpisodeError(
            f"no class is shown in more than {counts[-1]} pictures", folder, "ask for fewer cues (--shots)"
        )
    return episodes


def draw_absent(episodes: Sequence[Episode], folder: str | Path, seed: int = 0) -> list[Episode]:
    """The same cues with queries that do not show the thing: at most two for each of `episodes`, in their order.

    One is another picture of the set ('absent'), where the set has one without the thing; one is a query of another
    set ('foreign'), where there is another. Paths start from `folder`, as those of the episodes.
    Raises MaskError where a mask cannot be read.
    """
    root = Path(folder)
    lacking: dict[tuple[str, int], list[str]] = {}
    drawn = []
    for episode in episodes:
        place, value = root / Path(episode.query.image).parent.parent, (episode.query.value or (1,))[0]
        random = np.random.default_rng([seed, zlib.crc32(episode.id.encode())])
        key = str(place), value
        if key not in lacking:
            holding = _holding(place, smallest=0)
            lacking[key] = sorted(
                {n for names in holding.values() for n in names} - set(holding.get(value, ()))
            )
        kinds = {
            "absent": [_drawn_on(root, place, name, value).image for name in lacking[key]],
            "foreign": sorted({e.query.image for e in episodes if e.set != episode.set}),
        }
        drawn += [
            replace(
                episode, id=f"{episode.id}/{kind}", query=EpisodeImage(str(random.choice(images)), None, ())
            )
            for kind, images in kinds.items()
            if images
        ]
    return drawn


def write_episodes(path: str | Path, episodes: Sequence[Episode]) -> Path:
    """Write the list as JSON lines, as `read_episodes` reads it. Raises OutputError."""
    lines = (json.dumps(_record(e), ensure_ascii=False) for e in episodes)
    return write_text(path, "".join(f"{line}\n" for line in lines))


def _nested(
    name: str, task: str, shown: Sequence[EpisodeImage], shots: Sequence[int], queries: int, seed: int
) -> Iterator[Episode]:
    """Each query with growing parts of one row of cues."""
    random = np.random.default_rng([seed, zlib.crc32(f"{name}/{task}".encode())])
    for number, query in enumerate(random.permutation(len(shown)).tolist()[:queries]):
        row = [shown[i] for i in random.permutation(len(shown)).tolist() if i != query]
        for n in shots:
            yield Episode(f"{name}/{task}/{n}/{number}", name, task, tuple(row[:n]), shown[query])


def _sets(root: Path) -> list[Path]:
    """The folder itself where it is a set, else the sets in it, by name."""
    if not root.is_dir():
        raise EpisodeError(
            "there is no such folder", root, "give a folder with images/ and masks/, or one of those"
        )
    found = [p for p in (root, *sorted(root.iterdir())) if (p / "images").is_dir() and (p / "masks").is_dir()]
    if not found:
        raise EpisodeError(
            "neither it nor a folder in it holds images/ and masks/", root, "give a folder of such sets"
        )
    return found[:1] if found[0] == root else found


def _holding(place: Path, smallest: float = SMALLEST_SHARE) -> dict[int, list[str]]:
    """Class -> names of the pictures that show it on at least a share of their pixels, 0 being the background.

    In order of name; pictures without a mask file are left out.
    """
    holding: dict[int, list[str]] = {}
    for picture in list_images([place / "images"]):
        mask = place / "masks" / f"{picture.stem}.png"
        if not mask.is_file():
            continue
        raster = read_raster(mask, error=MaskError, label=str(mask))
        if raster.samples.ndim != 2 or raster.samples.dtype != np.uint8:
            raise MaskError(
                "not a label map of 8 bits", mask, "save one grey or palette channel, a value a class"
            )
        for value, count in zip(*np.unique(raster.samples, return_counts=True), strict=True):
            if value != IGNORE_VALUE and count >= smallest * raster.samples.size:
                holding.setdefault(int(value), []).append(picture.name)
    return holding


def _drawn_on(root: Path, place: Path, name: str, value: int) -> EpisodeImage:
    """The picture of that file name with its mask, and its ids where it has any, as paths from the root."""
    here, file = place.relative_to(root), f"{Path(name).stem}.png"
    ids = (
        (here / "masks_instances" / file).as_posix() if (place / "masks_instances" / file).is_file() else None
    )
    return EpisodeImage(
        (here / "images" / name).as_posix(), (here / "masks" / file).as_posix(), (value,), ids
    )


def _class_names(place: Path) -> dict[int, str]:
    """Class -> name as card.json states it; empty where it does not."""
    if not (place / "card.json").is_file():
        return {}
    stated = read_json(place / "card.json", EpisodeError).get("classes")
    names: dict[int, str] = {}
    for key, value in stated.items() if isinstance(stated, dict) else ():
        if isinstance(value, int):
            names[value] = str(key)
        elif str(key).isdigit():
            names[int(key)] = str(value)
    return names


def _record(episode: Episode) -> dict[str, Any]:
    return {
        "id": episode.id,
        "set": episode.set,
        "task": episode.task,
        "cues": [_shown_record(c) for c in episode.cues],
        "query": _shown_record(episode.query),
    }


def _shown_record(shown: EpisodeImage) -> dict[str, Any]:
    return {
        "image": shown.image,
        "mask": shown.mask,
        **({} if shown.value is None else {"value": list(shown.value)}),
        **({} if shown.instances is None else {"instances": shown.instances}),
    }
