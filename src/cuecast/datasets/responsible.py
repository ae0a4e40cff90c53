"""What data says for its responsible use, in the words of Croissant's vocabulary RAI 1.0.

Only what is known is said: what card.json states, and what can be counted. Nothing is guessed.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cuecast.core.errors import InputError
from cuecast.cuesets.cueset import CueSet
from cuecast.datasets.folder import DataFolder
from cuecast.engine.card import CARD
from cuecast.results.manifest import ManifestEntry

RAI_FIELDS = (
    "annotationsPerItem",
    "annotatorDemographics",
    "dataAnnotationAnalysis",
    "dataAnnotationPlatform",
    "dataAnnotationProtocol",
    "dataBiases",
    "dataCollection",
    "dataCollectionMissingData",
    "dataCollectionRawData",
    "dataCollectionTimeframe",
    "dataCollectionType",
    "dataImputationProtocol",
    "dataLimitations",
    "dataManipulationProtocol",
    "dataPreprocessingProtocol",
    "dataReleaseMaintenancePlan",
    "dataSocialImpact",
    "dataUseCases",
    "machineAnnotationTools",
    "personalSensitiveInformation",
)
"""http://mlcommons.org/croissant/RAI/1.0"""


def responsible(data: DataFolder, counted: Mapping[str, Any]) -> dict[str, Any]:
    """'rai:NAME' -> text or texts, by name: what was counted, what the card says otherwise, and `rai` of the card,
    which stands above all. Raises InputError for a field that the vocabulary does not have."""
    card = data.card
    said: dict[str, Any] = {"dataCollection": _collection(card), "dataLimitations": _limits(data)}
    said["dataUseCases"] = [str(card["use"])] if card.get("use") else []
    own = card.get("rai") or {}
    if not isinstance(own, Mapping):
        raise InputError(f"{CARD}: rai is no object", data.path, 'write {"rai": {"dataBiases": ["..."]}}')
    for name in own:
        if name not in RAI_FIELDS:
            near = difflib.get_close_matches(str(name), RAI_FIELDS, 1)
            hint = f"{near[0]} is" if near else f"known are {', '.join(RAI_FIELDS)}"
            raise InputError(f"{CARD}: rai.{name} is no field of Croissant's vocabulary", data.path, hint)
    whole = {**said, **counted, **own}
    return {f"rai:{name}": whole[name] for name in sorted(whole) if whole[name] not in (None, "", [])}


def _collection(card: Mapping[str, Any]) -> str:
    """Where it comes from, in a sentence."""
    parts = []
    if card.get("source"):
        commit = f", commit {card['commit']}" if card.get("commit") else ""
        parts.append(f"Taken from {card['source']}{commit}.")
    if card.get("upstream"):
        parts.append(f"That has it from {card['upstream']}.")
    return " ".join(parts)


def _limits(data: DataFolder) -> list[str]:
    limits, card = data.card.get("limits") or [], data.card
    found = [str(limit) for limit in (limits if isinstance(limits, list) else [limits])]
    found += [str(card["note"])] if card.get("note") else []
    if False in (card.get("ship"), card.get("may_ship")):
        found.append("Not for weights that are given to others.")
    words = data.licence[1]
    return [*found, *([f"Licence as it was stated: {words}"] if words else [])]


def of_pairs(pictures: int, masks: int, shows: Mapping[str, int]) -> dict[str, Any]:
    """What is counted in pictures with masks; `shows`: name of a class -> pictures that show it."""
    each = ", ".join(f"{name} {n}" for name, n in shows.items())
    missing = f"{pictures - masks} of {pictures} pictures have no mask." if masks < pictures else ""
    biases = [f"Pictures that show each class, of {pictures}: {each}."] if each else []
    return {"dataCollectionMissingData": missing, "dataBiases": biases}


def of_cueset(cueset: CueSet) -> dict[str, Any]:
    """How a cue set was marked, and with what."""
    kinds = Counter(kind for entry in cueset.entries for kind in entry.kinds)
    told = ", ".join(f"{n} with {kind}" for kind, n in kinds.items())
    return {
        "dataAnnotationProtocol": f"Marks on {len(cueset.entries)} pictures show the classes: {told}.",
        "dataAnnotationPlatform": ["cuecast"],
    }


def of_results(entries: Sequence[ManifestEntry]) -> dict[str, Any]:
    """Who made the masks of results, and how sure of them one can be."""
    done = [e for e in entries if e.verdict is not None]
    packs = sorted({e.pack for e in done})
    verdicts = Counter(e.verdict for e in done)
    wrong = sum(e.review == "wrong" for e in done)
    told = ", ".join(f"{verdicts[v]} {v}" for v in ("found", "doubtful", "absent") if verdicts[v])
    limits = [f"Made by a machine; verdicts on {len(done)}: {told}."] if done else []
    limits += [f"A person called {wrong} of them wrong."] if wrong else []
    failed = sum(e.error is not None for e in entries)
    return {
        "machineAnnotationTools": [f"cuecast with the pack {pack}" for pack in packs],
        "dataLimitations": limits,
        "dataCollectionMissingData": f"{failed} of {len(entries)} could not be segmented." if failed else "",
    }


def addresses(source: Any) -> list[str]:
    """The addresses that a source names: those that stand there, and repositories on GitHub by owner/name."""
    text = str(source or "")
    found = re.findall(r"https?://[^\s,;()]+", text)
    for part in re.split(r"[,;]", re.sub(r"https?://\S+", "", text)):
        named = re.match(r"\s*([A-Za-z0-9][\w-]*/[\w.-]+)", part)
        found += [f"https://github.com/{named[1]}"] if named else []
    return list(dict.fromkeys(found))
