"""cuecast on real photographs: `make demo`.

The photographs come inside scikit-image. Each is cut into parts; the thing is marked on one part,
and the command `cuecast segment` finds it on the others. Nothing is downloaded.

    python examples/demo.py [--out demo] [--pack general]
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import skimage
from PIL import Image, ImageDraw

PHOTOGRAPHS = Path(skimage.__file__).parent / "data"

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Scene:
    """One photograph. `parts` are its crops (x1, y1, x2, y2); the first one is marked.

    `outline` is the thing drawn by hand on the first part, [(x, y), ...]; `boxes` are boxes round it.
    """

    name: str
    thing: str
    file: str
    what: str
    parts: tuple[Box, ...]
    outline: tuple[tuple[int, int], ...] = ()
    boxes: tuple[Box, ...] = ()


SCENES = (
    Scene(
        name="coins",
        thing="coin",
        file="coins.png",
        what="coins: two of them are marked by boxes on the upper row, the other rows are searched",
        parts=((0, 0, 384, 84), (0, 84, 384, 150), (0, 150, 384, 224), (0, 224, 384, 303)),
        boxes=((192, 22, 240, 73), (80, 37, 121, 75)),
    ),
    Scene(
        name="tissue",
        thing="gland",
        file="ihc.png",
        what="stained glands: one is outlined on the lower right, the rest of the slide is searched",
        parts=((170, 298, 512, 512), (0, 0, 256, 256), (256, 0, 512, 256), (0, 256, 170, 512)),
        outline=(
            (112, 4), (135, 9), (158, 16), (176, 24), (196, 42), (203, 64), (211, 89), (212, 120), (210, 144),
            (203, 171), (192, 192), (175, 206), (158, 210), (141, 203), (126, 189), (112, 166), (99, 142),
            (88, 117), (83, 89), (83, 62), (90, 37), (100, 18),
        ),
    ),
)  # fmt: skip


def threshold(scene: Scene, folder: Path) -> tuple[list[str], list[Path]]:
    """Write the parts of a photograph and the marks on the first; (flags of the marks, images to search)."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = Image.open(PHOTOGRAPHS / scene.file)
    paths = []
    for number, box in enumerate(scene.parts, start=1):
        path = folder / f"{scene.name}_{number}.png"
        whole.crop(box).save(path)
        paths.append(path)
    flags = [f"--box={paths[0]}={','.join(map(str, box))}" for box in scene.boxes]
    if scene.outline:
        mask = Image.new("L", Image.open(paths[0]).size)
        ImageDraw.Draw(mask).polygon(scene.outline, fill=255)
        marked = folder / f"{scene.name}_1_mask.png"
        mask.save(marked)
        flags.append(f"--cue={paths[0]}={marked}")
    return flags, paths[1:]


def main() -> int:
    """Run the command on each scene and say where the results are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for photographs and results")
    parser.add_argument("--pack", default="general", help="pack to use")
    options = parser.parse_args()
    for scene in SCENES:
        flags, queries = threshold(scene, options.out / "photographs" / scene.name)
        out = options.out / scene.name
        words = ["segment", *map(str, queries), *flags, "--class", scene.thing, "--scale", "pixel"]
        words += ["--pack", options.pack, "-o", str(out), "--overwrite"]
        print(f"\n{scene.what}\n\n  cuecast {shlex.join(words)}\n", flush=True)
        code = subprocess.run([sys.executable, "-m", "cuecast", *words], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
