"""Drawing an episode list from folders of pictures with masks, for curves over the number of cues.

    SET/images/NNNN.jpg    pictures
    SET/masks/NNNN.png     label maps of the same size: 0 background, 1, 2, ... classes, 255 ignore
    SET/card.json          may name the classes: {"classes": {"1": "cytoplasm"}} or {"classes": {"cytoplasm": 1}}

Cues are nested: the 16 cues of a query begin with its 8, these with its 4, and so on, so that a curve shows what more
cues add and not what other cues would have. A query is never among its cues.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cuecast.core.errors import EpisodeError, MaskError
from cuecast.evaluation.episodes import Episode, EpisodeImage
from cuecast.io.files import read_json, write_text
from cuecast.io.pixels import read_raster
from cuecast.io.places import list_images

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
    a mean over the same queries. Draws of one set do not depend on the other sets. Paths start from `folder`.
    Raises EpisodeError where nothing is left, MaskError where a mask cannot be read.
    """
    root = Path(folder)
    counts = sorted(set(shots))
    if not counts or counts[0] < 1 or queries < 1:
        raise EpisodeError(
            f"{folder}: numbers of cues and queries start at 1, got {list(shots)} and {queries}"
        )
    episodes = []
    for place in _sets(root):
        name = place.resolve().name
        holding = {v: p for v, p in _holding(place).items() if v and len(p) > counts[-1]}
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        chosen = sorted(random.permutation(sorted(holding)).tolist()[:tasks])
        for value in chosen:
            shown = [_shown(root, place, stem, value) for stem in holding[value]]
            task = _class_names(place).get(value, f"class {value}")
            episodes += list(_nested(name, task, shown, counts, queries, seed))
    if not episodes:
        raise EpisodeError(
            f"{folder}: no class is shown in more than {counts[-1]} pictures; ask for fewer cues (--shots)"
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
            "absent": [_shown(root, place, name, value).image for name in lacking[key]],
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
            f"{root}: there is no such folder; give a folder with images/ and masks/, or one of those"
        )
    found = [p for p in (root, *sorted(root.iterdir())) if (p / "images").is_dir() and (p / "masks").is_dir()]
    if not found:
        raise EpisodeError(
            f"{root}: neither it nor a folder in it holds images/ and masks/; give a folder of such sets"
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
                f"{mask}: not a label map of 8 bits; save one grey or palette channel, a value a class"
            )
        for value, count in zip(*np.unique(raster.samples, return_counts=True), strict=True):
            if value != IGNORE_VALUE and count >= smallest * raster.samples.size:
                holding.setdefault(int(value), []).append(picture.name)
    return holding


def _shown(root: Path, place: Path, name: str, value: int) -> EpisodeImage:
    """The picture of that file name with its mask, as paths from the root."""
    here = place.relative_to(root)
    return EpisodeImage(
        (here / "images" / name).as_posix(), (here / "masks" / f"{Path(name).stem}.png").as_posix(), (value,)
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
    record: dict[str, Any] = {"image": shown.image, "mask": shown.mask}
    return record if shown.value is None else {**record, "value": list(shown.value)}
