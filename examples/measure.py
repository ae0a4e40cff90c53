"""The things in one image as a table: class, area, box, length.

python examples/measure.py CUE_IMAGE MASK IMAGE [PACK]
"""

from __future__ import annotations

import sys

import cuecast
from cuecast.core.objects import measure


def main(cue_image: str, mask: str, image: str, pack: str = "general") -> None:
    """Print a line for each object."""
    concept = cuecast.load(pack).learn([cuecast.Cue(cue_image, mask=mask)])
    prediction = concept.segment(image)
    names = {c.id: c.name for c in prediction.classes}
    for thing in prediction.objects():
        m = measure(thing, prediction.image.size)
        edge = "  touches the border" if m.touches_border else ""
        print(f"{names[m.cls]}  area {m.area}  box {m.box}  length {m.major_axis:.1f}{edge}")


if __name__ == "__main__":
    main(*sys.argv[1:])
