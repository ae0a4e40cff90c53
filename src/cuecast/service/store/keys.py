"""The API keys: made, listed, revoked; their secrets are not kept (see `security.hash_secret`)."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cuecast.service.problem import not_found
from cuecast.service.store import models

_USE_EVERY = timedelta(minutes=1)
"""How exact `last_used` is: writing it on every call would make a write of every read."""


def add(session: Session, name: str, digest: str) -> models.Key:
    """Keep a new key by the digest of its secret."""
    row = models.Key(name=name, hash=digest)
    session.add(row)
    session.flush()
    return row


def all_keys(session: Session) -> list[models.Key]:
    """All keys, those revoked too, oldest first."""
    return list(session.scalars(select(models.Key).order_by(models.Key.created)))


def valid(session: Session, key: str) -> models.Key | None:
    """The key with that id, where there is one and it is not revoked."""
    row = session.get(models.Key, key)
    return None if row is None or row.revoked is not None else row


def any_valid(session: Session) -> bool:
    """Whether there is a key that is not revoked."""
    return session.scalar(select(models.Key.id).where(models.Key.revoked.is_(None)).limit(1)) is not None


def revoke(session: Session, key: str) -> models.Key:
    """Make a key useless from now on. Raises Problem with 404."""
    row = session.get(models.Key, key)
    if row is None:
        raise not_found("key", key)
    row.revoked = row.revoked or models.now()
    return row


def needs_note(row: models.Key) -> bool:
    """Whether a use of the key is worth writing down again."""
    return row.last_used is None or models.now() - row.last_used > _USE_EVERY


def note_use(session: Session, key: str) -> None:
    """Write down that the key was used."""
    row = session.get(models.Key, key)
    if row is not None:
        row.last_used = models.now()
