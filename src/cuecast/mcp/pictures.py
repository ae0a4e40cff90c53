"""Answers with a small picture beside their figures."""

from __future__ import annotations

import io

from mcp.server.mcpserver import Image
from mcp_types import CallToolResult, ContentBlock, TextContent
from PIL import Image as PILImage
from pydantic import BaseModel

from cuecast.core.drawing import thumbnail

SIDE = 512
"""The longer side of a picture in an answer, at most, in pixels."""


def answer(figures: BaseModel, picture: PILImage.Image | None) -> CallToolResult:
    """The figures as structured output and as text; the picture, made small, as image content."""
    content: list[ContentBlock] = [TextContent(text=figures.model_dump_json(by_alias=True, indent=2))]
    if picture is not None:
        content.append(Image(data=_jpeg(picture), format="jpeg").to_image_content())
    return CallToolResult(content=content, structured_content=figures.model_dump(mode="json", by_alias=True))


def _jpeg(picture: PILImage.Image) -> bytes:
    buffer = io.BytesIO()
    thumbnail(picture, SIDE).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
