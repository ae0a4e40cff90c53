"""What a service is started with. Frozen and picklable: worker processes get the same value."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from cuecast.core.errors import ImageError
from cuecast.io.pixels import pixel_limit


@dataclass(frozen=True)
class Limits:
    """Bounds on what a request may ask for.

    upload_bytes   of one uploaded image, or of one cue set's archive.
    body_bytes     of a JSON body.
    pixels         width x height of an image.
    queue          jobs waiting at once, over all projects; more are refused with 429.
    folder_images  images that one folder may add.
    frames         frames of a video, or slices of a volume.
    voxels         of a volume: known from its header before it is unpacked.
    unpacked_bytes, ratio  a picture or volume may come to more bytes than `unpacked_bytes` where it is packed `ratio`
                   times at most: what is real hardly packs as well, and what is small may.
    rate, burst    requests a second of one API key, and how many may come at once.
    uploads        bodies with files received at once.
    uploads_each   of these by one API key, or one address without a key.
    idle_seconds   for which a client may pause while its request is coming in: the head as a whole, or the body.
    body_rate      bytes a second at which a body must come at least, on average, `idle_seconds` aside.
    cache_bytes    thumbnails and views that are kept over a restart.
    """

    upload_bytes: int = 512 << 20
    body_bytes: int = 16 << 20
    pixels: int = field(default_factory=lambda: pixel_limit(ImageError))
    queue: int = 100
    folder_images: int = 10_000
    frames: int = 100_000
    voxels: int = 4 << 30
    unpacked_bytes: int = 512 << 20
    ratio: int = 100
    rate: float = 50.0
    burst: int = 500
    uploads: int = 64
    uploads_each: int = 16
    idle_seconds: float = 30.0
    body_rate: float = 1024.0
    cache_bytes: int = 8 << 30


@dataclass(frozen=True)
class Settings:
    """See docs/service.md for the meaning of each.

    data         the data folder; made where it is not there.
    roots        server folders that may be read, resolved.
    workers      worker processes for jobs; 0 starts none (tests of the API alone).
    database     SQLAlchemy URL; None is DATA/cuecast.db.
    require_key  whether every call needs an API key; always so when `host` is not a loopback address.
    hostnames    names besides the address itself by which the service is reached (in the Host header).
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8000
    roots: tuple[Path, ...] = ()
    workers: int = 1
    database: str | None = None
    pack: str = "general"
    require_key: bool = False
    hostnames: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        # Links are resolved once, so that later comparisons are between real places.
        object.__setattr__(self, "data", Path(self.data).resolve())
        object.__setattr__(self, "roots", tuple(Path(r).resolve() for r in self.roots))

    @property
    def database_url(self) -> str:
        """The URL of the database, with the driver that the extra `postgres` installs."""
        if self.database is None:
            return f"sqlite:///{self.data / 'cuecast.db'}"
        scheme, separator, rest = self.database.partition("://")
        known = {"postgres": "postgresql+pg8000", "postgresql": "postgresql+pg8000"}
        return f"{known.get(scheme, scheme)}{separator}{rest}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def needs_key(self) -> bool:
        """Whether every call to the API needs a key."""
        return self.require_key or not self.is_loopback
