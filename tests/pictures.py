"""Small pictures in flat colours, for the pack `colours`: what is red is the thing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)


def picture(path: Path, red_columns: int, size: tuple[int, int] = (4, 8)) -> Path:
    """A blue picture of (height, width) `size` whose first `red_columns` columns are red."""
    pixels = np.full((*size, 3), BLUE, np.uint8)
    pixels[:, :red_columns] = RED
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def mask(path: Path, columns: list[int]) -> Path:
    """A mask of 4 rows: column x holds the label columns[x]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.tile(np.array(columns, np.uint8), (4, 1))).save(path)
    return path


def episode(**changes: Any) -> dict[str, Any]:
    """One valid episode: cue a, query b, both of set 's1'."""
    return {
        "id": "e1",
        "set": "s1",
        "task": "red",
        "cues": [{"image": "images/a.png", "mask": "masks/a.png", "value": [1]}],
        "query": {"image": "images/b.png", "mask": "masks/b.png", "value": [1]},
        **changes,
    }


def episode_folder(root: Path) -> Path:
    """Pictures and an episode list `list.jsonl` with these answers (IoU, Dice), known beforehand:

    s1, 1 cue    e1: 3 red columns, 2 true -> 2/3, 4/5;  e2: the same, the third is ignored -> 1, 1
    s2, 1 cue    e3: nothing red, nothing true -> 1, 1
    s2, 2 cues   e4: value [2]: 4 red columns, the first is true -> 1/4, 2/5
    """
    picture(root / "images/a.png", 4)
    picture(root / "images/b.png", 3)
    picture(root / "images/c.png", 0)
    picture(root / "images/d.png", 4)
    mask(root / "masks/a.png", [1, 1, 1, 1, 0, 0, 0, 0])
    mask(root / "masks/b.png", [1, 1, 0, 0, 0, 0, 0, 0])
    mask(root / "masks/b2.png", [1, 1, 255, 0, 0, 0, 0, 0])
    mask(root / "masks/d.png", [2, 1, 1, 1, 0, 0, 0, 0])
    cue = episode()["cues"][0]
    absent = {"image": "images/c.png", "mask": None, "value": []}
    episodes = [
        episode(),
        episode(id="e2", query={"image": "images/b.png", "mask": "masks/b2.png", "value": [1]}),
        episode(id="e3", set="s2", query=absent),
        episode(
            id="e4",
            set="s2",
            cues=[cue, absent],
            query={"image": "images/d.png", "mask": "masks/d.png", "value": [2]},
        ),
    ]
    listed = root / "list.jsonl"
    listed.write_text("".join(json.dumps(e) + "\n" for e in episodes), encoding="utf-8")
    return listed


def object_folder(root: Path) -> Path:
    """An episode list `list.jsonl` of one episode: a cue with two things that touch, and a query with two apart."""
    picture(root / "images/a.png", 4)
    picture(root / "images/b.png", 3)
    mask(root / "masks/a.png", [1, 1, 1, 1, 0, 0, 0, 0])
    mask(root / "ids/a.png", [1, 1, 2, 2, 0, 0, 0, 0])
    mask(root / "masks/b.png", [1, 1, 1, 0, 0, 0, 0, 1])
    mask(root / "ids/b.png", [1, 1, 1, 0, 0, 0, 0, 2])
    cue, query = (
        {"image": f"images/{n}.png", "mask": f"masks/{n}.png", "value": [1], "instances": f"ids/{n}.png"}
        for n in "ab"
    )
    listed = root / "list.jsonl"
    listed.write_text(json.dumps(episode(cues=[cue], query=query)) + "\n", encoding="utf-8")
    return listed


def write_square(folder: Path, name: str, seed: int, square: bool = True, side: int = 48) -> None:
    """A picture of noise with a bright square, and its mask, as images/NAME.png and masks/NAME.png."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 120, (side, side, 3)).astype(np.uint8)
    coarse = Image.fromarray(rng.integers(0, 120, (6, 6)).astype(np.uint8)).resize((side, side))
    pixels = (pixels // 4 + np.asarray(coarse)[..., None]).astype(np.uint8)
    mask = np.zeros((side, side), np.uint8)
    if square:
        top, left = rng.integers(2, side // 2, 2)
        pixels[top : top + 12, left : left + 12] = 230
        mask[top : top + 12, left : left + 12] = 1
    for kind, array in (("images", pixels), ("masks", mask)):
        place = folder / kind / f"{name}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(place)
