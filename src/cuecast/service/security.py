"""Who may ask for what: the Host and Origin of a request, its key, its body's size and time, the headers of replies.

Plain ASGI around the application, from the outside: `Headers`, `Failures`, `replies.OneShape`, `Door` (see `guard`).
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from cachetools import LRUCache
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers as RequestHeaders
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cuecast.service import replies
from cuecast.service.keys import key_of
from cuecast.service.problem import Problem, busy
from cuecast.service.settings import Limits, Settings
from cuecast.service.store.database import Database

log = logging.getLogger("cuecast.service")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "text/plain"})
"""Content types that any page may send to any address without asking."""
CLIENT = "cuecast.client"
"""Where the scope of a request says who asks: 'key ID', or 'address HOST' without one."""
POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",  # images that were fetched with a key
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def asking_key(scope: Mapping[str, Any]) -> str | None:
    """The id of the valid key with which a request came; None without one."""
    kind, _, key = str(scope.get(CLIENT, "")).partition(" ")
    return key if kind == "key" else None


class Buckets:
    """Token buckets by name: `rate` requests a second, `burst` at once. The longest unused of many are forgotten."""

    def __init__(
        self, rate: float, burst: int, most: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._levels: LRUCache[str, tuple[float, float]] = LRUCache(most)

    def take(self, name: str) -> float:
        """Take one token; 0 where there was one, else the seconds until there is."""
        now = self._clock()
        level, at = self._levels.pop(name, (float(self._burst), now))
        level = min(float(self._burst), level + (now - at) * self._rate)
        granted = level >= 1
        self._levels[name] = (level - 1 if granted else level, now)
        return 0.0 if granted else (1 - level) / self._rate


class Headers:
    """Puts the security headers on every reply; what states no caching is not to be cached."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


class Failures:
    """Answers errors that nothing else has caught, in the one shape; the log has the rest."""

    def __init__(self, app: ASGIApp, data: Path) -> None:
        self._app, self._data = app, data

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except ClientDisconnect:
            log.info("a client went away while sending")
        except asyncio.CancelledError:  # the service is stopping, and the time of open requests is over
            if scope["type"] != "http" or started:
                raise
            await replies.reply(_stopping(), self._data)(scope, receive, send)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            await replies.reply(error, self._data)(scope, receive, send)


class Door:
    """Lets in what may come in; see docs/service.md, 'Security'."""

    def __init__(self, app: ASGIApp, owner: FastAPI) -> None:
        self._app, self._owner = app, owner
        self._settings: Settings = owner.state.settings
        limits = self._settings.limits
        self._buckets = Buckets(limits.rate, limits.burst)
        self._hosts = _hosts(self._settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = RequestHeaders(scope=scope)
        try:
            self._check_host(headers)
            check_origin(scope["method"], headers)
            scope[CLIENT] = await self._check_key(scope, headers)
            limited = bounded(receive, scope["path"], headers, self._settings.limits)
        except Problem as refused:
            await replies.reply(refused, self._settings.data)(scope, receive, send)
            return
        await self._app(scope, limited, send)

    def _check_host(self, headers: RequestHeaders) -> None:
        """A page of another site whose name was made to lead here (DNS rebinding) comes under that name."""
        host = host_name(headers.get("host", ""))
        if self._hosts is not None and host not in self._hosts:
            raise Problem(
                "wrong_host",
                400,
                f"this service is not known as {host[:100]!r}; start it with --hostname naming it, if it is",
            )

    async def _check_key(self, scope: Scope, headers: RequestHeaders) -> str:
        """Who asks: the key, or the address without one.

        Raises Problem: 401 without a valid key where one is needed, or with one that is wrong; 429 beyond the rate.
        """
        path, address = scope["path"], f"address {(scope.get('client') or ('',))[0]}"
        if not (path.startswith("/v1/") or path in ("/v1", "/metrics")):
            return address
        kind, _, token = headers.get("authorization", "").partition(" ")
        if not kind:
            if not self._settings.needs_key:
                return address
            self._take(address)
            raise _unauthorised("an API key is needed: send 'Authorization: Bearer KEY'")
        database: Database = self._owner.state.database
        key = await run_in_threadpool(key_of, token.strip(), database) if kind.lower() == "bearer" else None
        if key is None:
            self._take(address)
            raise _unauthorised("the API key is not valid, or was revoked")
        self._take(f"key {key}")
        return f"key {key}"

    def _take(self, name: str) -> None:
        if wait := self._buckets.take(name):
            raise busy("rate_limited", "too many requests; wait, and send fewer at once", int(wait) + 1)


def check_origin(method: str, headers: RequestHeaders) -> None:
    """Refuse changes that a page of another site asks for. Raises Problem with 403 or 415.

    Browsers say where a request comes from; programs say nothing, and must then send a type that no page can send
    elsewhere without asking first.
    """
    if method in SAFE:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    host = headers.get("host", "")
    if site is not None and site not in ("same-origin", "none"):
        raise _foreign()
    if origin is not None and (urlsplit(origin).netloc or "-").lower() != host.lower():
        raise _foreign()
    if site is None and origin is None and content_type(headers) in FORM_TYPES:
        raise Problem(
            "form_refused",
            415,
            "forms are not taken: send Content-Type: application/json, or application/octet-stream for files",
        )


def content_type(headers: RequestHeaders) -> str:
    """The type of a body without its parameters, in lower case; '' where none is stated."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def host_name(host: str) -> str:
    """The name in a Host header, without its port, in lower case."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def guard(app: FastAPI) -> None:
    """Put all of it around the application."""
    app.add_middleware(Door, owner=app)
    app.add_middleware(replies.OneShape, data=app.state.settings.data)
    app.add_middleware(Failures, data=app.state.settings.data)
    app.add_middleware(Headers)


def _hosts(settings: Settings) -> frozenset[str] | None:
    """Names under which the service may be asked; None for any.

    A key is sent by whoever has it and never by a browser on its own: where each call needs one, another name harms
    nobody, unless names were given.
    """
    if settings.needs_key and not settings.hostnames:
        return None
    own = {"localhost", "127.0.0.1", "::1", settings.host.lower()}
    return frozenset(own | {name.lower() for name in settings.hostnames})


def _unauthorised(said: str) -> Problem:
    remedy = "whoever runs the service makes one with 'cuecast keys create'"
    return Problem("unauthorised", 401, f"{said}; {remedy}", headers={"WWW-Authenticate": "Bearer"})


def _stopping() -> Problem:
    said = "the service is being stopped: what was not sent whole is not kept; ask again when it is back"
    return Problem("stopping", 503, said, headers={"Retry-After": "10", "Connection": "close"})


def _foreign() -> Problem:
    return Problem(
        "foreign_origin", 403, "changes are taken from the service's own page and from programs alone"
    )


FILE_PATHS = re.compile(r"/v1/(segment|packs|projects/[^/]+/(images|cueset|source|segment))")
"""Where files come in, streamed to disk; all other bodies are read into memory."""
CLOSING = {"Connection": "close"}
"""What a client is told whose body is not read to its end."""


def bounded(receive: Receive, path: str, headers: RequestHeaders, limits: Limits) -> Receive:
    """`receive` that raises HTTPException: 413 beyond the limit of size, 408 where the body does not get on.

    Only the time in which the client is waited for counts: it may pause for `idle_seconds`, and all its pauses
    together may last that long and the time that what it has sent takes at `body_rate`.

    Raises Problem with 413 for a body that states too large a size.
    """
    most = limits.upload_bytes if FILE_PATHS.fullmatch(path) else limits.body_bytes
    stated = headers.get("content-length", "")
    large = f"the body is larger than the {most} bytes that are allowed; send less"
    if stated.isdigit() and int(stated[:18]) > most:
        raise Problem("too_large", 413, large, headers=CLOSING)
    slow = (
        f"the body stopped coming: it may pause for {limits.idle_seconds:g} s, and must come at "
        f"{limits.body_rate:g} bytes a second; send it again"
    )
    received, waited, ended = 0, 0.0, False

    # HTTPException, for FastAPI makes 400 of any other error in what it reads itself.
    async def counted() -> Message:
        nonlocal received, waited, ended
        if ended:  # what comes now is that the client has gone: that may take as long as it likes
            return await receive()
        began = monotonic()
        left = limits.idle_seconds + received / limits.body_rate - waited
        try:
            message = await asyncio.wait_for(receive(), max(0.0, min(left, limits.idle_seconds)))
        except TimeoutError as error:
            raise HTTPException(408, slow, CLOSING) from error
        waited += monotonic() - began
        received += len(message.get("body", b""))
        ended = not message.get("more_body", False)
        if received > most:
            raise HTTPException(413, large, CLOSING)
        return message

    return counted
