"""cuecast on another machine, with the words of the library.

    import cuecast, cuecast.client
    predictor = cuecast.client.load("general", url="http://host:8000", key="cue_...")
    concept = predictor.learn([cuecast.Cue("a.jpg", mask="a_mask.png")])
    prediction = concept.segment("b.jpg")
    concept.delete()

Only the first line differs from working on this machine: see docs/client.md. Needs the extra `client`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cuecast.client.remote import RemotePredictor, Service

__all__ = ["connect", "load"]

LOCAL = "http://127.0.0.1:8000"


def connect(url: str = LOCAL, key: str | None = None, timeout: float = 300, patience: float = 60) -> Service:
    """The service at `url` (`cuecast serve`); nothing is sent yet.

    key       an API key (`cuecast keys create`), where the service asks for one.
    timeout   seconds that one answer may take.
    patience  seconds to go on asking a service that says it is busy.

    Raises CuecastError where `url` is none, MissingExtraError where httpx2 is not installed.
    """
    from cuecast.client.remote import Service
    from cuecast.client.wire import Wire

    return Service(Wire(url, key, timeout, patience))


def load(pack: str = "general", url: str = LOCAL, key: str | None = None) -> RemotePredictor:
    """`cuecast.load` of a service: `connect(url, key).load(pack)`. Raises CuecastError, PackError."""
    return connect(url, key).load(pack)
