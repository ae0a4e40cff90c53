"""A folder of results that several processes fill, each its shard of one job; on one machine or on many.

    OUT/shards/plan.json          what all shards agree on: inputs, concept, options, how many shards
    OUT/shards/inputs.jsonl       name and path of all that is to be done, in order
    OUT/shards/3-of-8.lock        held by the process that works on the shard
    OUT/shards/3-of-8.part.jsonl  its lines of the manifest, while it is at work
    OUT/shards/3-of-8.jsonl       the same, when it is whole

The first shard to come makes the plan, as a folder that is renamed to its place; whoever comes later compares it with
its own. No file is written by two shards. When all are whole they are gathered: the folder goes, and what stays is
what one undivided run leaves.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from cuecast.core.errors import OutputError
from cuecast.core.shards import Shard, all_shards, list_digest, shard_of
from cuecast.io.files import (
    MANIFEST,
    PLAN,
    SHARDS,
    make_folder,
    read_json,
    read_text,
    remove_folder,
    try_lock,
    write_text,
)
from cuecast.results.manifest import index_manifest, read_manifest, write_manifest

KIND, VERSION = "shards", 1
INPUTS = "inputs.jsonl"
NAMED = 10
"""Shards at most that a message names one by one."""

State = Literal["whole", "running", "stopped", "not begun"]
Input = tuple[str, str]
"""The name of what is done, as in the manifest, and the path of its file as it was given."""


@dataclass(frozen=True)
class Plan:
    """What all shards of a job agree on.

    facts    topic -> what JSON holds of it, for the topics of `DIFFERENCES`: the same for equal commands.
    inputs   all that is to be done, in the order of an undivided run.
    keep     writes into a folder what gathering needs besides.
    group    name -> what decides to which shard it belongs: each name by itself, if nothing else is given.
    """

    shards: int
    facts: Mapping[str, Any]
    inputs: Sequence[Input]
    keep: Callable[[Path], None] = lambda _: None
    group: Callable[[str], str] = str

    @property
    def document(self) -> dict[str, Any]:
        """What is compared, as JSON."""
        listed = {
            "count": len(self.inputs),
            "sha256": list_digest(text for pair in self.inputs for text in pair),
        }
        given: dict[str, Any] = json.loads(json.dumps(self.facts))
        return {"cuecast": KIND, "version": VERSION, "shards": self.shards, **given, "inputs": listed}

    def share(self, shard: Shard) -> list[Input]:
        """What belongs to a shard, in order."""
        return [pair for pair in self.inputs if shard.holds(self.group(pair[0]))]


DIFFERENCES = {
    "version": "were made by another version of cuecast",
    "job": "are of another kind of job",
    "shards": "cut the job into {there}, this one into {here}",
    "pack": "use another pack",
    "concept": "are of another concept (other cues, classes or scale)",
    "objects": "tell objects apart in another way",
    "cueset": "are of another version of the cue set",
    "source": "are of another raster, or of this one read otherwise",
    "options": "have other options ({options})",
    "inputs": "are of another list of inputs ({count} there, {own} here)",
}
"""Topic of a plan -> what is said of the shards there where it differs, the first of them."""


def agree(out: Path, plan: Plan, stranger: Callable[[], str | None]) -> None:
    """Make the plan of the shards in `out`, or see that the one that is there says the same.

    stranger  what lies there and is no result, if anything.

    Raises OutputError where it says something else, or there is no plan and something lies there.
    """
    place = out / SHARDS
    if not (place / PLAN).is_file() and (strange := stranger()) and not (place / PLAN).is_file():
        raise OutputError(
            f"{strange} is there and no manifest says where it comes from", out, "choose another folder"
        )
    if not (place / PLAN).is_file():
        _make(place, plan)
    there, here = read_document(out), plan.document
    for topic, words in DIFFERENCES.items():
        if there.get(topic) != here.get(topic):
            raise OutputError(
                f"the shards that are there {_said(words, there, here)}",
                out,
                "give all shards of a job the same command, or choose another folder",
            )


def _make(place: Path, plan: Plan) -> None:
    """Put the folder of the plan to its place, all of it at once; where another one came first, that one stays."""
    made = make_folder(place.with_name(f".cuecast-{secrets.token_hex(8)}"))
    try:
        plan.keep(made)
        lines = (json.dumps(pair) + "\n" for pair in plan.inputs)
        write_text(made / INPUTS, "".join(lines))
        write_text(made / PLAN, json.dumps({**plan.document, "folder": os.getcwd()}, indent=1) + "\n")
        try:
            os.rename(made, place)
        except OSError as error:
            if not (place / PLAN).is_file():
                raise OutputError(
                    f"cannot be made ({error.strerror})", place, "choose another folder"
                ) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _said(words: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """The words with what differs in them."""
    own, their = here.get("options") or {}, there.get("options") or {}
    names = ", ".join(name for name in sorted({*own, *their}) if own.get(name) != their.get(name))
    return words.format(
        there=there.get("shards"),
        here=here.get("shards"),
        options=names,
        count=(there.get("inputs") or {}).get("count"),
        own=(here.get("inputs") or {}).get("count"),
    )


def read_document(out: Path) -> dict[str, Any]:
    """The plan of the shards in `out`, as `Plan.document` gives it, and the 'folder' in which the first one ran.

    Raises OutputError where there are none, and says what there is.
    """
    path = out / SHARDS / PLAN
    if not path.is_file():
        if (out / MANIFEST).is_file():
            raise OutputError(
                "no shards are there: it holds results of an undivided run, or is gathered already", out,
                "nothing is to be done",
            )  # fmt: skip
        raise OutputError(
            "no shards are there", out, "give the folder that `--shard I/N -o OUT` has written to"
        )
    found = read_json(path, OutputError)
    if found.get("cuecast") != KIND or not isinstance(found.get("shards"), int):
        raise OutputError("is no plan of shards", path, "choose another folder")
    return found


def refuse_ungathered(out: Path, also: str = "") -> None:
    """Raise OutputError where shards in `out` are not gathered yet; `also` is another remedy."""
    if (out / SHARDS / PLAN).is_file():
        raise OutputError(
            "shards of a job that was divided are in it", out, f"`cuecast gather` puts them together{also}"
        )


@dataclass(frozen=True)
class Parts:
    """The shards of a job in the folder `out`, as they lie there. `group` is that of the plan."""

    out: Path
    document: Mapping[str, Any]
    group: Callable[[str], str] = str

    @property
    def count(self) -> int:
        """How many shards the job is cut into."""
        return int(self.document["shards"])

    @cached_property
    def inputs(self) -> list[Input]:
        """All that is to be done, in the order of an undivided run. Raises OutputError."""
        text = read_text(self.out / SHARDS / INPUTS, OutputError)
        return [(str(name), str(path)) for name, path in map(json.loads, text.splitlines())]

    def not_whole(self) -> list[str]:
        """Of each shard that is not whole its number and why: '2/8 (not begun)', '3/8 (running, 3 of 12 done)'."""
        names: dict[int, set[str]] = {}
        for name, _ in self.inputs:
            names.setdefault(shard_of(self.group(name), self.count), set()).add(name)
        found = []
        for shard in all_shards(self.count):
            mine = names.get(shard.number, set())
            state, there = _state(self.out, shard)
            done = len(mine & there)
            if state == "not begun":
                found.append(f"{shard} (not begun)")
            elif state != "whole" or done < len(mine):
                word = "damaged" if state == "whole" else state
                found.append(f"{shard} ({word}, {done} of {len(mine)} done)")
        return found

    def check(self) -> None:
        """Raise OutputError where a shard is not whole, naming each."""
        if missing := self.not_whole():
            more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
            numbers = ",".join(text.partition("/")[0] for text in missing)
            raise OutputError(
                f"{len(missing)} of {self.count} shards are not whole: {', '.join(missing[:NAMED])}{more}",
                self.out,
                f"run those again, with the same command; by number: {numbers}",
            )

    def shard_named(self, name: str) -> Shard:
        """The shard that a name belongs to."""
        return Shard(shard_of(self.group(name), self.count), self.count)

    def merge(self) -> None:
        """Write the manifest of all: the lines that were there before, and those of the shards. Raises OutputError."""
        places = [self.out / MANIFEST, *(whole_part(self.out, shard) for shard in all_shards(self.count))]
        write_manifest(self.out / MANIFEST, chain.from_iterable(map(read_manifest, places)))

    def remove(self) -> None:
        """Take the shards away, when all that they say is in the manifest. Raises OutputError."""
        remove_folder(self.out / SHARDS)


def whole_part(out: Path, shard: Shard) -> Path:
    """The lines of a shard that is whole."""
    return out / SHARDS / f"{shard.label}.jsonl"


def working_part(out: Path, shard: Shard) -> Path:
    """The lines of a shard that is being worked on."""
    return out / SHARDS / f"{shard.label}.part.jsonl"


def _lock(out: Path, shard: Shard) -> Path:
    return out / SHARDS / f"{shard.label}.lock"


@contextmanager
def working(out: Path, shard: Shard) -> Iterator[None]:
    """Hold a shard for this process; a whole one is taken up again. Raises OutputError where another one holds it."""
    with try_lock(_lock(out, shard)) as ours:
        if not ours:
            raise OutputError(
                f"another process works on shard {shard} there",
                out,
                "wait until it is done, or give another shard",
            )
        whole = whole_part(out, shard)
        if whole.is_file():
            os.replace(whole, working_part(out, shard))
        yield


def close(out: Path, shard: Shard) -> Path:
    """Say that a shard is whole; where its lines are now. Raises OutputError."""
    part, whole = working_part(out, shard), whole_part(out, shard)
    write_manifest(whole, read_manifest(part))
    part.unlink(missing_ok=True)
    return whole


def _state(out: Path, shard: Shard) -> tuple[State, Set[str]]:
    """How far a shard is, and the names of which it has a line. Raises OutputError where these are none of ours."""
    whole, part, lock = whole_part(out, shard), working_part(out, shard), _lock(out, shard)
    if whole.is_file():
        return "whole", index_manifest(whole).keys()
    there = index_manifest(part).keys()
    if not lock.is_file():
        return "not begun", there
    with try_lock(lock) as free:
        return ("stopped" if free else "running"), there
