"""Errors as responses of the web framework, in the one shape, whoever refuses: the service or the framework."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cuecast.core.arguments import phrase
from cuecast.core.errors import CuecastError
from cuecast.service.problem import Problem, problem_of

_CODES = {408: "too_slow", 413: "too_large", 416: "range_not_satisfiable"}
_REMEDIES = {
    400: "correct it, and ask again",
    404: "check the address",
    405: "see /openapi.json for what can be done here",
    416: "ask for bytes that the file has; Content-Range says how many",
}
_OF_THE_BODY = frozenset({"content-type", "content-length"})


def reply(error: Exception, data: Path) -> JSONResponse:
    """The response for an error: of the framework, or as `problem_of`."""
    problem = _of_framework(error) or problem_of(error, data)
    content = {"error": {"code": problem.code, "message": str(problem), "details": problem.details}}
    return JSONResponse(content, problem.status, headers=problem.headers)


class OneShape:
    """ASGI: what the framework itself refuses in plain text (a bad Range of a file), in the one shape."""

    def __init__(self, app: ASGIApp, data: Path) -> None:
        self._app, self._data = app, data

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        held: Message | None = None
        said = bytearray()

        async def sending(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _is_plain(message):
                held = message
                return
            if held is None:
                await send(message)
                return
            said.extend(message.get("body", b""))
            if not message.get("more_body", False):
                error = _of_plain(held, said.decode("utf-8", "replace"))
                await reply(error, self._data)(scope, receive, send)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


def _is_plain(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] >= 400 and not kind.startswith("application/json")


def _of_plain(start: Message, text: str) -> HTTPException:
    """The error that a plain answer is; headers that say something of the error stay."""
    kept = {k: v for k, v in Headers(raw=start["headers"]).items() if k not in _OF_THE_BODY}
    return HTTPException(start["status"], text or HTTPStatus(start["status"]).phrase, kept)


def install(app: FastAPI) -> None:
    """Answer all errors of the app in the one shape. What is none of these is left to `security.Failures`."""

    def handle(_: Request, error: Exception) -> JSONResponse:
        return reply(error, app.state.settings.data)

    for kind in (CuecastError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)


def _invalid(error: RequestValidationError) -> Problem:
    """422 that names the fields. The values sent are not repeated: they may be large, or secret."""
    found = [
        {"where": ".".join(str(part) for part in e["loc"]), "message": phrase(e)} for e in error.errors()[:20]
    ]
    first = found[0] if found else {"where": "request", "message": "cannot be read"}
    said = f"{first['where']}: {first['message']}; correct it, /openapi.json has an example of each request"
    return Problem("invalid_request", 422, said, found)


def _of_framework(error: Exception) -> Problem | None:
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if not isinstance(error, HTTPException):
        return None
    code = _CODES.get(error.status_code) or HTTPStatus(error.status_code).name.lower()
    said = str(error.detail).rstrip(".")
    remedy = _REMEDIES.get(error.status_code)
    return Problem(code, error.status_code, f"{said}: {remedy}" if remedy else said, headers=error.headers)
