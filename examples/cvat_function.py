"""CVAT's auto-annotation from a cue set: it marks in a task what the cues show.

pip install cvat-cli
cvat-cli --server-host https://app.cvat.ai --auth USER task auto-annotate TASK \\
    --function-file examples/cvat_function.py -p cueset=str:coins.zip --allow-unmatched-labels

Labels of the task are matched by the names of the classes. Without a server, for a look at what would be sent:
python examples/cvat_function.py CUESET IMAGE [PACK]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import cvat_sdk.auto_annotation as cvataa
import cvat_sdk.models as models
import numpy as np
import PIL.Image
from cvat_sdk.masks import encode_mask

import cuecast
from cuecast.cuesets.cueset import read_cueset, read_examples
from cuecast.io.labels.outlines import part_outlines


class CueFunction:
    """What CVAT calls for each picture of a task; its objects are masks, or polygons where CVAT asks for these."""

    def __init__(self, concept: cuecast.Concept) -> None:
        self.concept = concept
        self.spec = cvataa.DetectionFunctionSpec(
            labels=[cvataa.label_spec(c.name, c.id, type="any") for c in concept.classes]
        )

    def detect(
        self, context: cvataa.DetectionFunctionContext, image: PIL.Image.Image
    ) -> Sequence[models.LabeledShapeRequest]:
        """The objects on one picture, but those less sure than CVAT wants."""
        found = self.concept.segment(image)
        if context.conf_threshold is not None:
            found = found.keeping(0, context.conf_threshold)
        shapes = []
        for number, thing in enumerate(found.objects(), start=1):
            if context.conv_mask_to_poly:
                parts = part_outlines(thing)
                group = number if len(parts) > 1 else 0
                rings = (ring.ravel().astype(float).tolist() for ring in parts)
                shapes += [cvataa.polygon(thing.cls, ring, group=group) for ring in rings]
            else:
                canvas = np.zeros(found.mask.shape, bool)
                x1, y1, x2, y2 = thing.xyxy
                canvas[y1:y2, x1:x2] = thing.mask
                shapes.append(cvataa.mask(thing.cls, encode_mask(canvas, thing.xyxy)))
        return shapes


def create(cueset: str, pack: str = "general") -> CueFunction:
    """The function, with what the command line says after -p."""
    read = read_cueset(cueset)
    return CueFunction(cuecast.load(pack).learn(read_examples(read), read.classes))


def main(cueset: str, image: str, pack: str = "general") -> None:
    """Say what would be sent of one picture."""

    class Alone(cvataa.DetectionFunctionContext):
        frame_name, conf_threshold, conv_mask_to_poly = image, None, True

    function = create(cueset, pack)
    names = {label.id: label.name for label in function.spec.labels}
    context: Any = Alone()
    for shape in function.detect(context, PIL.Image.open(image)):
        print(f"{names[shape.label_id]}  {shape.type.value}  {len(shape.points) // 2} corners")


if __name__ == "__main__":
    main(*sys.argv[1:])
