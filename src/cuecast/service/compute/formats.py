"""What an export may hold."""

from __future__ import annotations

FORMATS = {
    "images": ("masks", "overlays", "coco", "csv", "yolo", "labelme", "report", "cueset"),
    "video": ("masks", "overlays", "ytvis", "csv", "cueset"),
    "volume": ("masks", "overlays", "csv", "cueset"),
}
"""Kind of a project -> the formats that its zip may hold."""
