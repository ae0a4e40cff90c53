"""The tables. A change here needs a migration in migrations/versions; a test compares the two.

Ids are 12 random lower-case characters (safe in URLs, file names and on systems that fold case). Times are UTC.

marks: a row stays when its marks are taken away (kind NULL, an empty document), so that versions never repeat:
an image has a cue where `kind` is not NULL and it `teaches`.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Double,
    ForeignKey,
    Index,
    MetaData,
    Text,
    UniqueConstraint,
    and_,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def new_id() -> str:
    """12 characters, 60 random bits."""
    return "".join(secrets.choice(ID_ALPHABET) for _ in range(12))


def now() -> datetime:
    """The present time, UTC."""
    return datetime.now(UTC)


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC. SQLite keeps no zone: it is put back when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# Byte order on both databases: SQLite's own, "C" in PostgreSQL.
_Ordered = Text().with_variant(Text(collation="C"), "postgresql")


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s_%(column_1_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  read by SQLAlchemy
        str: Text(),
        float: Double(),
        datetime: UtcTime(),
        dict[str, Any]: JSON(none_as_null=True),
        list[dict[str, Any]]: JSON(none_as_null=True),
    }


class ProjectRow(Base):
    """One concept with its images. `classes` is [{"id", "name", "colour"}], with "threshold" where one was given.

    kind     'images', 'video' or 'volume': what its images are. Those of the last two are frames or slices of its
             source.
    pack     name of the pack that segments; NULL: the service's.
    concept  name of a concept of that pack which teaches beside the marks.
    pixel_size, unit  the edge of a pixel of all its images, where a person has said it.
    """

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    kind: Mapped[str] = mapped_column(default="images")
    scale: Mapped[str] = mapped_column(default="frame")
    pack: Mapped[str | None]
    concept: Mapped[str | None]
    pixel_size: Mapped[float | None]
    unit: Mapped[str | None]
    classes: Mapped[list[dict[str, Any]]]
    created: Mapped[datetime] = mapped_column(default=now)
    updated: Mapped[datetime] = mapped_column(default=now)


class SourceRow(Base):
    """The video or volume of a project.

    name     as people see it, and as its results are called.
    path     as of an image; a folder of frames or of a DICOM series lies below a root.
    digest   SHA-256 of the file, of a folder of its files' names and sizes.
    frames   how many frames or slices it has, each `width` x `height` pixels.
    seconds  when the last frame is shown, from the first on; NULL where it states no times.
    note     what a person should know of it: where it breaks off.
    series, channel  which of several volumes it is, as it was chosen (`Reading`); NULL where there was no choice.
    """

    __tablename__ = "sources"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str]
    path: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str]
    frames: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    seconds: Mapped[float | None]
    note: Mapped[str | None]
    series: Mapped[str | None]
    channel: Mapped[int | None]
    created: Mapped[datetime] = mapped_column(default=now)


class ImageRow(Base):
    """An image of a project.

    name      as people see it, unique in the project; `stem` is the name of its results, unique whatever the case
              (`stem_key` is its folded form).
    path      relative to DATA for uploads, absolute for files below a root.
    order     sorts names in natural order.
    digest    SHA-256 of the file; of a frame or slice, of its source's digest and its number.
    frame     number of the frame or slice in the project's source, from 0; `path` is the source's. NULL of an image.
    seconds   when the frame is shown, from the first on.
    """

    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("project_id", "stem_key"),
        UniqueConstraint("project_id", "digest"),
        Index("ix_images_order", "project_id", "order_key", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str]
    stem: Mapped[str]
    stem_key: Mapped[str]
    order_key: Mapped[str] = mapped_column(_Ordered)
    path: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str]
    frame: Mapped[int | None]
    seconds: Mapped[float | None]
    created: Mapped[datetime] = mapped_column(default=now)


class MarksRow(Base):
    """What is marked on an image: `document` is `schemas.Marks` without its version. `kind`: mask, sparse, absent.

    teaches  whether the image is a cue. A mask that a person has called right is known, and teaches nothing.
    author   the name of the key with which it was saved; NULL without one.
    """

    __tablename__ = "marks"

    image_id: Mapped[str] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int]
    kind: Mapped[str | None]
    teaches: Mapped[bool] = mapped_column(default=True)
    author: Mapped[str | None]
    document: Mapped[dict[str, Any]]
    updated: Mapped[datetime] = mapped_column(default=now)


WHOLE = ("mask", "absent")
"""Kinds of marks that say all of an image."""
TEACHES = and_(MarksRow.kind.is_not(None), MarksRow.teaches)
"""What of marks makes an image a cue."""
CHECKED = MarksRow.kind.in_(WHOLE)
"""What of marks says all of an image: a person drew its whole mask, or called a found one right."""


class PersonMarksRow(Base):
    """What one person has marked on an image, beside others who do the same; as of `MarksRow`. It teaches nothing."""

    __tablename__ = "person_marks"

    image_id: Mapped[str] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    person: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    kind: Mapped[str | None]
    document: Mapped[dict[str, Any]]
    updated: Mapped[datetime] = mapped_column(default=now)


class AgreementRow(Base):
    """How those people agree who have marked all of an image; made of `PersonMarksRow`.

    votes  {"people": {name: version of the marks}, "said": [[label of each person], ...], "count": [pixels, ...]}, as
           of `cuecast.core.consensus.Votes`.
    value  mean IoU of all pairs; NULL of one person alone.
    """

    __tablename__ = "agreements"

    image_id: Mapped[str] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    votes: Mapped[dict[str, Any]]
    value: Mapped[float | None]


class JobRow(Base):
    """Work in the queue, going on or done. kind: see `schemas.JobKind`; state: see `schemas.JobState`.

    stage     which of several parts of its work `done` and `total` are of; NULL where it has no parts.
    attempts  how often in a row its worker ended without getting on with it.
    worker    which worker process has it.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index("ix_jobs_state", "state", "created"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="queued")
    request: Mapped[dict[str, Any]]
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    stage: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    cancel: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None]
    created: Mapped[datetime] = mapped_column(default=now)
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]


class PredictionRow(Base):
    """What the last run found on an image: an index of the results tree's manifest.

    counts, areas  class id (as text) -> number of objects, pixels.
    cues_version   version of the project's cue set that made it.
    made           when it was noted here; `job_id` is the run that made it.
    stale          the marks have changed since.
    wrong          a person said so.
    """

    __tablename__ = "predictions"

    image_id: Mapped[str] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"), primary_key=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    verdict: Mapped[str | None]
    confidence: Mapped[float | None]
    counts: Mapped[dict[str, Any]]
    areas: Mapped[dict[str, Any]]
    seconds: Mapped[float | None]
    error: Mapped[str | None]
    cues_version: Mapped[int | None]
    made: Mapped[datetime] = mapped_column(default=now)
    stale: Mapped[bool] = mapped_column(default=False)
    wrong: Mapped[bool] = mapped_column(default=False)


class Key(Base):
    """An API key: `hash` is the SHA-256 of its secret part; see `security`."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    hash: Mapped[str]
    admin: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(default=now)
    last_used: Mapped[datetime | None]
    revoked: Mapped[datetime | None]
