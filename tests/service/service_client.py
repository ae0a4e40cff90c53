"""A service as the tests see it: an application that runs, its client, and pictures to send to it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from cuecast.service.store.database import Database

ADDRESS = "http://127.0.0.1:8000"
RED, BLUE = (200, 30, 30), (30, 30, 200)


def png(red_columns: int = 3, size: tuple[int, int] = (4, 8), shade: int = 0) -> bytes:
    """A blue picture of (height, width) `size` whose first columns are red; `shade` makes another content of it."""
    pixels = np.full((*size, 3), BLUE, np.uint8)
    pixels[:, :red_columns] = RED
    pixels[-1, -1, 1] += shade
    return encoded(pixels, "PNG")


def encoded(pixels: Any, form: str, **named: Any) -> bytes:
    """Pixels as a file of a format."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(buffer, form, **named)
    return buffer.getvalue()


@dataclass
class Service:
    """An application that runs, and a client for it on this machine."""

    app: FastAPI
    client: TestClient
    data: Path
    database: Database

    def project(self, name: str = "cells", **fields: Any) -> str:
        """Make a project; returns its id."""
        return str(ok(self.client.post("/v1/projects", json={"name": name, **fields}), 201)["id"])

    def image(self, project: str, data: bytes | None = None, name: str = "a.png") -> str:
        """Add an image; returns its id."""
        path = f"/v1/projects/{project}/images"
        sent = self.client.post(path, params={"name": name}, content=png() if data is None else data)
        return str(ok(sent, 201)["id"])

    def mark(self, project: str, image: str, version: int = 0, **marks: Any) -> Any:
        """Save marks; returns the reply."""
        path = f"/v1/projects/{project}/images/{image}/marks"
        return self.client.put(path, json={"version": version, **marks})


def ok(response: Any, status: int = 200) -> Any:
    """The JSON of a reply that must have this status."""
    assert response.status_code == status, response.text
    return response.json()


def refused(response: Any, status: int, code: str) -> str:
    """The message of a reply that must be this error, in the one shape."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"code", "message", "details"}
    assert error["code"] == code, error
    return str(error["message"])
