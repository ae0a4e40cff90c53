"""The API keys: made, listed, revoked, recognised.

Keys are `cue_<id>_<secret>` with 32 random bytes of secret. The database keeps SHA-256 of the secret: a slow hash
guards what people choose and could be guessed; 256 random bits cannot be, and a fast one bears every call. The row is
found by the id, which is no secret, and the hashes are compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cuecast.service.problem import not_found
from cuecast.service.store import models
from cuecast.service.store.database import Database

PREFIX = "cue"


def new_secret() -> str:
    """The secret part of a key: 32 random bytes."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def format_key(key: str, secret: str) -> str:
    """The whole key, as it is shown once and sent ever after."""
    return f"{PREFIX}_{key}_{secret}"


def key_of(token: str, database: Database) -> str | None:
    """The id of the valid key that this token is; None for any other. Blocking."""
    prefix, _, rest = token.partition("_")
    key, _, secret = rest.partition("_")
    if prefix != PREFIX or not key.isalnum() or not key.isascii():
        return None
    with database.reading() as session:
        row = valid(session, key)
    # Something is compared even when there is no such key, so that time does not tell.
    same = hmac.compare_digest(hash_secret(secret), row.hash if row else hash_secret(""))
    if row is None or not same:
        return None
    if needs_note(row):
        with database.writing() as session:
            note_use(session, key)
    return key


_USE_EVERY = timedelta(minutes=1)
"""How exact `last_used` is: writing it on every call would make a write of every read."""


def add(session: Session, name: str, digest: str, *, admin: bool = False) -> models.Key:
    """Keep a new key by the digest of its secret. With one of an `admin` packs are taken in and given out, too."""
    row = models.Key(name=name, hash=digest, admin=admin)
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


def name_of(session: Session, key: str | None) -> str | None:
    """What the key with that id is called; None of none."""
    row = session.get(models.Key, key) if key else None
    return row.name if row else None


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
