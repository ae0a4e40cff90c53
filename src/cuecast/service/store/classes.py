"""Classes that come into a project with a cue set, or with a ready concept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from cuecast.core.values import ClassInfo
from cuecast.service.store import marks, models, predictions


def join_classes(session: Session, owner: models.ProjectRow, classes: Sequence[ClassInfo]) -> dict[int, int]:
    """Give the project these classes, matched by name; returns id among them -> id in the project."""
    present: list[dict[str, Any]] = list(owner.classes)
    if [c["name"] for c in present] == ["thing"] and not marks.documents(session, owner.id, "all"):
        present = []  # as it was made, and never used
    by_name: dict[str, int] = {c["name"]: c["id"] for c in present}
    predicted = predictions.predicted_classes(session, owner.id)
    for c in classes:
        if c.name not in by_name:
            taken = {p["id"] for p in present} | predicted
            by_name[c.name] = c.id if c.id not in taken else max(taken) + 1
            present.append(replace(c, id=by_name[c.name]).document)
    owner.classes = present
    return {c.id: by_name[c.name] for c in classes}
