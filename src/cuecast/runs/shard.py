"""A job in shards: what all of them agree on, and the concept kept beside it, which gathering learns once more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from cuecast.core.errors import CueError, OutputError
from cuecast.core.shards import Shard
from cuecast.core.values import KINDS, ClassInfo, Example, Image, Marks
from cuecast.io.files import read_json, replacing, write_text
from cuecast.predictor import Concept, load_same
from cuecast.results.shards import Input, Plan

CONCEPT = "concept.json"
CUES = "cues"
NEVER = ("workers", "overwrite", "shard", "cluster")
"""Options in which the shards of a job may differ: they change no result."""


def plan_of(
    job: str,
    concept: Concept,
    inputs: Sequence[Input],
    options: Any,
    shard: Shard,
    group: Callable[[str], str] = str,
    **others: Any,
) -> Plan:
    """What the shards of a job must agree on.

    job      'images', 'raster', ...: how it is gathered.
    options  of the run, a frozen value whose fields JSON holds, or what JSON holds of them.
    others   more topics of `cuecast.results.shards.DIFFERENCES`.
    """
    facts = {
        "job": job,
        "pack": concept.predictor.pack.digest,
        "concept": [concept.digest, concept.scale, [c.document for c in concept.classes]],
        "objects": [concept.objects, concept.splits],
        "options": options if isinstance(options, dict) else options_document(options),
        **others,
    }
    return Plan(shard.count, facts, inputs, lambda folder: keep_concept(folder, concept), group)


def options_document(options: Any) -> dict[str, Any]:
    """Options of a run as JSON: all that change what is written."""
    given = {f.name: getattr(options, f.name) for f in fields(options) if f.name not in NEVER}
    found: dict[str, Any] = json.loads(json.dumps(given))
    return {k: sorted(v) if k == "formats" else v for k, v in found.items()}


def read_options(document: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `options_document`, by name."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in document.items()}


def keep_concept(folder: Path, concept: Concept) -> None:
    """Write what a concept is learnt from. Raises CueError where marks cannot be kept exactly, and OutputError."""
    pack = concept.predictor.pack
    document = {
        "pack": {"name": pack.name, "folder": str(pack.folder.absolute()), "digest": pack.digest},
        "scale": concept.scale,
        "objects": concept.objects,
        "classes": [c.document for c in concept.classes],
    }
    write_text(folder / CONCEPT, json.dumps(document, indent=1) + "\n")
    for number, example in enumerate(concept.examples, start=1):
        path = folder / CUES / f"{number:04d}.npz"
        write_example(path, example)
        if read_example(path).content != example.content:
            raise CueError(
                "its marks cannot be kept exactly", example.image.name, "give them as plain numbers"
            )


def kept_concept(folder: Path) -> Concept:
    """The concept that `keep_concept` has written, learnt once more. Raises PackError, OutputError."""
    document = read_json(folder / CONCEPT, OutputError)
    pack = document["pack"]
    predictor = load_same(pack["name"], pack["folder"], pack["digest"])
    examples = [read_example(path) for path in sorted((folder / CUES).glob("*.npz"))]
    classes = [ClassInfo.of(c) for c in document["classes"]]
    return predictor.learn(examples, classes, document["scale"], document["objects"])


def write_example(path: Path, example: Example) -> None:
    """Write an image with its marks, exactly. Raises OutputError."""
    marks = example.marks
    said = {"name": example.image.name, "absent": marks.absent}
    drawn = {name: [asdict(mark) for mark in each] for name, each in marks.drawn.items()}
    maps = {name: m for name, m in (("mask", marks.mask), ("objects", marks.objects)) if m is not None}
    arrays: dict[str, Any] = {"text": np.array(json.dumps({**said, "drawn": drawn})), **maps}
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, pixels=example.image.pixels, **arrays)


def read_example(path: Path) -> Example:
    """What `write_example` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    said = json.loads(str(arrays["text"]))
    image = Image(arrays["pixels"], said["name"])
    drawn = {name: tuple(_marks(KINDS[name], each)) for name, each in said["drawn"].items()}
    mask, objects = arrays.get("mask"), arrays.get("objects")
    return Example(image, Marks(image.size, mask, **drawn, absent=said["absent"], objects=objects))


def _marks(kind: type[Any], given: Iterable[Mapping[str, Any]]) -> Iterable[Any]:
    return (kind(**{name: _plain(value) for name, value in fields_.items()}) for fields_ in given)


def _plain(value: Any) -> Any:
    """Lists of JSON as the tuples that they were."""
    return tuple(map(_plain, value)) if isinstance(value, list) else value
