"""What a long benchmark has measured so far, kept after each step, so that a run that was stopped goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cuecast.evaluation.episodes import Episode, list_digest
from cuecast.evaluation.evaluate import source_commit
from cuecast.io.files import write_text
from cuecast.predictor import Predictor


def made_with(kind: str, predictor: Predictor, episodes: Iterable[Episode], **options: Any) -> dict[str, Any]:
    """What a measurement is made with: records that were made with something else are not gone on with."""
    pack = predictor.pack
    return {
        "kind": kind,
        "pack": pack.name,
        "pack_digest": pack.digest,
        "list_digest": list_digest(episodes),
        **options,
    }


def finished(target: Path | None, how: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The records below `key` that an earlier call has made in the same way."""
    if target is None or not target.exists():
        return []
    kept = json.loads(target.read_text(encoding="utf-8"))
    if any(kept.get(k) != v for k, v in how.items()):
        raise SystemExit(f"{target}: it was made in another way; choose another -o, or delete it")
    records: list[dict[str, Any]] = kept[key]
    return records


def keep(
    target: Path | None,
    how: Mapping[str, Any],
    key: str,
    records: Sequence[Mapping[str, Any]],
    figures: Mapping[str, Any],
) -> None:
    """Print the newest record, and write all of them with the figures that they come to."""
    print(json.dumps(records[-1]), file=sys.stderr, flush=True)
    if target is not None:
        whole = {**how, "commit": source_commit(), **figures, key: records}
        write_text(target, json.dumps(whole, indent=1) + "\n")
