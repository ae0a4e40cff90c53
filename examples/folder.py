"""One marked image, a folder of others: masks and a line for each.

python examples/folder.py IMAGE MASK FOLDER OUT [PACK]
"""

from __future__ import annotations

import sys
from pathlib import Path

import cuecast


def main(image: str, mask: str, folder: str, out: str, pack: str = "general") -> None:
    """Segment every PNG of `folder`; masks go to `out` under the same names."""
    concept = cuecast.load(pack).learn([cuecast.Cue(image, mask=mask)])
    Path(out).mkdir(parents=True, exist_ok=True)
    for prediction in concept.segment_many(sorted(Path(folder).glob("*.png")), workers=2):
        name, area = prediction.image.name, int((prediction.mask > 0).sum())
        prediction.save(Path(out) / name)
        print(f"{name}  {prediction.verdict}  {prediction.confidence:.2f}  {area} pixels")


if __name__ == "__main__":
    main(*sys.argv[1:])
