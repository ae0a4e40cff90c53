"""Marking and correcting on one image, as an editor would: each click is a cue, each answer a new concept.

    python examples/correct.py IMAGE x,y[,class] [x,y[,class] ...] [--pack PACK]

Class 0 says 'not this'.
"""

from __future__ import annotations

import argparse

import cuecast


def main() -> None:
    """Print the marked area after each click."""
    parser = argparse.ArgumentParser(description="Click, look, click again.")
    parser.add_argument("image")
    parser.add_argument("clicks", nargs="+", help="x,y or x,y,class")
    parser.add_argument("--pack", default="general")
    options = parser.parse_args()
    clicks = [tuple(int(v) for v in click.split(",")) for click in options.clicks]

    concept = cuecast.load(options.pack).learn([cuecast.Cue(options.image, points=clicks[:1])])
    for number, click in enumerate(clicks, start=1):
        if number > 1:
            concept = concept.add([cuecast.Cue(options.image, points=[click])])
        prediction = concept.segment(options.image)
        print(f"{number} clicks: {int((prediction.mask > 0).sum())} pixels, {prediction.verdict}")


if __name__ == "__main__":
    main()
