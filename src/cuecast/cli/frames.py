"""`cuecast frames`: frames of a video as pictures, to draw marks on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cuecast.cli.options import WindowOption, read_limits


def frames(
    video: Annotated[
        Path, typer.Argument(metavar="VIDEO", help="MP4, AVI, MKV, WebM, GIF, or a folder of frames.")
    ],
    numbers: Annotated[
        list[str], typer.Argument(metavar="FRAME", help="Number of a frame from 0, or its file in a folder.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the pictures.")],
    window: WindowOption = None,
) -> None:
    """Write frames of VIDEO as PNG, at their own size: to draw masks on, for `cuecast track`.

    Prints the path of each picture. A frame that was written before is written again.
    """
    from PIL import Image

    from cuecast.cli.track import number_of
    from cuecast.io.files import replacing
    from cuecast.io.places import note_of_others
    from cuecast.io.video import open_frames

    found = open_frames(video, read_limits(window))
    if others := note_of_others([video]):
        print(f"cuecast: note: {others}", file=sys.stderr)
    for number in [number_of(found, name) for name in numbers]:
        path = output / f"{found.name(number)}.png"
        for frame in found.read(range(number, number + 1)):
            with replacing(path) as temporary:
                Image.fromarray(frame.image.pixels).save(temporary, format="PNG")
        typer.echo(str(path))
