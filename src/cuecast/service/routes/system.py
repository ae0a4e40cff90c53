"""The service itself: whether it is there, what it can do, its numbers, and the studio's page."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, PlainTextResponse, Response

from cuecast.core.version import __version__
from cuecast.service.adding import look_into
from cuecast.service.parts import AllParts
from cuecast.service.problem import Problem
from cuecast.service.routes.packs import known_packs
from cuecast.service.schemas import Folder, Health, Info, InfoLimits
from cuecast.service.schemas_jobs import FORMATS

STUDIO = Path(__file__).parents[1] / "studio"
"""The built page."""

router = APIRouter(tags=["system"])


@router.get("/healthz")
def healthz() -> Health:
    """Whether the service answers."""
    return Health()


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> Response:
    """Numbers for Prometheus."""
    numbers: bytes = request.app.state.metrics.text()
    return Response(numbers, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/v1/info")
def info(parts: AllParts) -> Info:
    """Version, packs, folders that may be read, and limits."""
    limits = parts.settings.limits
    return Info(
        version=__version__,
        pack=parts.settings.pack,
        packs=[pack.name for pack in known_packs()],
        roots=[str(root) for root in parts.settings.roots],
        limits=InfoLimits(**{name: getattr(limits, name) for name in InfoLimits.model_fields}),
        formats=list(FORMATS["images"]),
    )


@router.get("/v1/folders")
def folders(parts: AllParts, path: str = "") -> Folder:
    """What lies in a folder below the roots, for choosing one; without a path, the roots."""
    return look_into(path, parts.files)


@router.get("/", include_in_schema=False)
def studio() -> Response:
    """The studio."""
    page = STUDIO / "index.html"
    if not page.is_file():
        raise Problem("no_studio", 404, "the studio is not built here: run 'make studio'; the API is at /v1/")
    return FileResponse(page, headers={"Cache-Control": "no-cache"})


ROUTERS = (router,)
