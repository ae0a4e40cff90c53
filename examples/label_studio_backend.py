"""Label Studio asks, a cue set answers: an ML backend, or predictions for a file of tasks.

python examples/label_studio_backend.py CUESET IMAGES [--pack PACK] [--port 9090]  # then Settings > Model there
python examples/label_studio_backend.py CUESET IMAGES --tasks tasks.json > with_predictions.json

IMAGES is the folder where the pictures of the tasks lie on this machine; nothing is fetched from addresses. The names
of labels are those of the classes. Objects are brush strokes where the labelling has <BrushLabels>, else polygons.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cuecast
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.io.labels.label_studio import task_image, task_of
from cuecast.io.labels.sheets import Sheet

LABELLING = '<View><Image name="image" value="$image"/><BrushLabels name="label" toName="image"/></View>'
LARGEST = 64 << 20
"""Bytes of a request."""


@dataclass(frozen=True)
class Backend:
    """A concept, and the folder of the pictures."""

    concept: cuecast.Concept
    folder: Path

    def predict(self, task: Mapping[str, Any], labelling: str = LABELLING) -> dict[str, Any]:
        """What Label Studio takes as the prediction for a task. Raises CuecastError."""
        tags = {tag.tag: tag for tag in ElementTree.fromstring(labelling).iter()}
        tag = tags.get("BrushLabels", tags.get("PolygonLabels"))
        if tag is None:
            raise cuecast.CueError("the labelling has neither BrushLabels nor PolygonLabels: add one of them")
        path = self._picture(task_image(task))
        found = self.concept.segment(path)
        names = {c.id: c.name for c in found.classes}
        shape = "rle" if tag.tag == "BrushLabels" else "polygon"
        made = task_of(1, Sheet(path.stem, found.annotations(), path), names, shape)
        (answer,) = made.get("predictions", made.get("annotations"))
        for result in answer["result"]:
            result |= {"from_name": tag.get("name"), "to_name": tag.get("toName")}
        version = f"cuecast {self.concept.digest[:8]}"
        return {"model_version": version, "score": found.confidence, "result": answer["result"]}

    def _picture(self, name: str) -> Path:
        """The picture of that name in the folder: with its folders, or without. Raises ImageError."""
        for tried in (self.folder / name, self.folder / Path(name).name):
            if tried.resolve().is_relative_to(self.folder.resolve()) and tried.is_file():
                return tried
        raise cuecast.ImageError("is not in the folder of the pictures", name, f"put it into {self.folder}")

    def answer(self, path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to a request of Label Studio's. Raises KeyError for a path that is none."""
        version = f"cuecast {self.concept.digest[:8]}"
        if path == "/predict":
            labelling = asked.get("label_config") or LABELLING
            return {"results": [self.predict(task, labelling) for task in asked["tasks"]]}
        plain = {
            "/": {"status": "UP"},
            "/health": {"status": "UP"},
            "/setup": {"model_version": version},
            "/webhook": {},
        }
        return plain[path] | ({"model_class": "cuecast"} if path in ("/", "/health") else {})


class Handler(BaseHTTPRequestHandler):
    """JSON in, JSON out."""

    backend: Backend

    def do_GET(self) -> None:
        self._reply({})

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if size > LARGEST:
            self.send_error(413)
            return
        try:
            self._reply(json.loads(self.rfile.read(size) or b"{}"))
        except ValueError:
            self.send_error(400)

    def _reply(self, asked: Mapping[str, Any]) -> None:
        try:
            status, said = 200, self.backend.answer(self.path.partition("?")[0], asked)
        except KeyError:
            status, said = 404, {"error": f"{self.path} is nothing that is answered here"}
        except cuecast.CuecastError as error:
            status, said = 422, {"error": str(error)}
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(args: Sequence[str]) -> None:
    """Serve, or answer a file of tasks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cueset", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--pack", default="general")
    parser.add_argument("--port", type=int, default=9090)
    parser.add_argument("--tasks", type=Path)
    given = parser.parse_args(args)
    cueset = read_cueset(given.cueset)
    concept = cuecast.load(given.pack).learn(read_examples(cueset), cueset.classes)
    backend = Backend(concept, given.images)
    if given.tasks:
        tasks = json.loads(given.tasks.read_text(encoding="utf-8"))
        print(json.dumps([task | {"predictions": [backend.predict(task)]} for task in tasks]))
        return
    handler = type("BackendHandler", (Handler,), {"backend": backend})
    with ThreadingHTTPServer(("127.0.0.1", given.port), handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
