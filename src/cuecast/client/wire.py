"""A connection to a service: requests, patience where it is busy, and its errors as those of the library."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuecast.core import errors
from cuecast.core.errors import CuecastError, MissingExtraError
from cuecast.io.files import replacing

if TYPE_CHECKING:
    import httpx2

BUSY = (429, 503)
"""Answers of a service that has not begun: the request may be sent again, whatever it is."""
PAUSE, LONGEST = 1.0, 30.0
"""Seconds before sending again: where the service states none, and at most."""
ERRORS: dict[str, type[CuecastError]] = {
    "image_unreadable": errors.ImageError,
    "not_an_image": errors.ImageError,
    "mask_invalid": errors.MaskError,
    "marks_invalid": errors.CueError,
    "no_cues": errors.CueError,
    "input_invalid": errors.InputError,
    "invalid_request": errors.InputError,
    "classes_invalid": errors.InputError,
    "too_large": errors.InputError,
    "empty": errors.InputError,
    "cueset_invalid": errors.CueSetError,
    "pack_unusable": errors.PackError,
    "pack_unknown": errors.PackError,
    "pack_invalid": errors.PackError,
    "pack_exists": errors.PackError,
    "not_better": errors.PackError,
    "refinement_over": errors.PackError,
    "too_few_pictures": errors.InputError,
    "cannot_write": errors.OutputError,
    "extra_missing": errors.MissingExtraError,
}
"""Code of an error of the service -> error of the library; all others are a plain CuecastError."""


class Wire:
    """A connection to one service. Safe to share between threads; `close` it, or let the process end."""

    def __init__(self, url: str, key: str | None, timeout: float, patience: float) -> None:
        try:
            import httpx2
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"the client needs {error.name}, which is not installed; run: pip install 'cuecast[client]'"
            ) from error
        if not url.startswith(("http://", "https://")):
            raise CuecastError(f"{url}: this is no address of a service; write it as http://HOST:PORT")
        self.url = url.rstrip("/")
        self._patience = patience
        key = (key or "").strip()  # one that is read from a file ends in a newline
        if not (key.isascii() and key.isprintable()):
            raise CuecastError(
                f"{url}: the key holds a character that none has; give it as 'cuecast keys create' printed it"
            )
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limit = httpx2.Timeout(timeout, connect=min(timeout, 10))
        try:
            self._client = httpx2.Client(base_url=self.url, headers=headers, timeout=limit)
        except httpx2.InvalidURL as error:
            raise CuecastError(
                f"{url!r}: this is no address of a service ({error}); write it as http://HOST:PORT"
            ) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, method: str, path: str, **request: Any) -> Any:
        """The JSON that answers a request (None for an empty answer); `request` is as httpx2 takes it.

        A service that is busy is asked again when it says, for `patience` seconds in all. Raises the error of the
        library that the service names, and CuecastError where it cannot be reached or is no cuecast service.
        """
        deadline = time.monotonic() + self._patience
        while True:
            reply = self._send(method, path, request)
            if reply.status_code not in BUSY:
                break
            pause = _pause(reply.headers.get("Retry-After"))
            if time.monotonic() + pause > deadline:
                break
            time.sleep(pause)
        if reply.is_success:
            return self._json(reply) if reply.content else None
        raise self._error(reply)

    def save(self, path: str, target: str | Path) -> Path:
        """Write what answers a GET to a file, wholly or not at all; returns its path.

        Raises the error that the service names, OutputError, and CuecastError where it cannot be reached.
        """
        import httpx2

        try:
            with replacing(target) as temporary, self._client.stream("GET", path) as reply:
                if not reply.is_success:
                    reply.read()
                    raise self._error(reply)
                with open(temporary, "wb") as file:
                    for piece in reply.iter_bytes():
                        file.write(piece)
        except httpx2.TransportError as error:
            raise CuecastError(
                f"{self.url}: the file did not come whole ({error}); ask for it again"
            ) from error
        return Path(target)

    def _send(self, method: str, path: str, request: dict[str, Any]) -> httpx2.Response:
        import httpx2

        try:
            return self._client.request(method, path, **request)
        except httpx2.TimeoutException as error:
            raise CuecastError(
                f"{self.url}: no answer in time ({method} {path}); give connect() a longer timeout"
            ) from error
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            raise CuecastError(
                f"{self.url}: cannot be reached ({error}); check the address, and that 'cuecast serve' runs there"
            ) from error

    def _json(self, reply: httpx2.Response) -> Any:
        try:
            return reply.json()
        except ValueError as error:
            raise CuecastError(
                f"{self.url}: answers, but not as a cuecast service does; check the address"
            ) from error

    def _error(self, reply: httpx2.Response) -> CuecastError:
        """The error that a reply states."""
        try:
            return self.error_of(reply.json()["error"])
        except (ValueError, KeyError, TypeError):
            said = f"answers {reply.status_code} {reply.reason_phrase}, and not as a cuecast service does"
            return CuecastError(f"{self.url}: {said}; check the address")

    def error_of(self, stated: Mapping[str, Any]) -> CuecastError:
        """An error of the service as one of the library. Raises KeyError and TypeError where it is none."""
        return ERRORS.get(str(stated["code"]), CuecastError)(str(stated["message"]))


def _pause(retry_after: str | None) -> float:
    """Seconds to wait by a Retry-After header: a number, or a date."""
    try:
        seconds = float(retry_after or PAUSE)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(str(retry_after)).timestamp() - time.time()
        except ValueError:
            seconds = PAUSE
    return min(max(seconds, 0.0), LONGEST)
