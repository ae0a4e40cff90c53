"""`cuecast convert`: labels from one format into another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cuecast.cli.options import CocoShape, grouped
from cuecast.cli.output import Printed, fail, plain, progress, say
from cuecast.core.errors import InputError

PicturesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--images",
        metavar="IMAGES",
        help="The pictures, or their folder, where labels state no sizes and do not lie beside them; may be repeated.",
    ),
]
OnlyClassOption = Annotated[
    list[str] | None,
    typer.Option(
        "--class", metavar="NAME", help="Only this class, in the order of their numbers; may be repeated."
    ),
]
OverwriteFlag = Annotated[bool, typer.Option("--overwrite", help="Write over what is there.")]


@grouped
def convert(
    source: Annotated[
        Path, typer.Argument(metavar="FROM", help="Label file, or folder of such; or folder of masks.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="TO", help="File, or folder for formats of one file an image.")
    ],
    *,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="What is written: coco, labelme, yolo, cvat, label-studio, qupath, imagej, via, datumaro, voc, masks "
            "or objects. Default: what TO tells (x.coco.json, x.xml, x.geojson, a folder called yolo).",
        ),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option("--from", metavar="FORMAT", help="What FROM is. Default: as suffix and content tell."),
    ] = None,
    images: PicturesOption = None,
    class_names: OnlyClassOption = None,
    shape: Annotated[
        CocoShape,
        typer.Option(
            metavar="rle|polygon",
            help="Objects in formats that know both: run lengths (brush strokes), or polygons. Both are exact.",
        ),
    ] = CocoShape.RLE,
    overwrite: OverwriteFlag = False,
    printed: Printed,
) -> None:
    """Write the labels of FROM in another format.

    COCO, LabelMe, YOLO-seg, CVAT for images 1.1, Label Studio, QuPath GeoJSON, ImageJ regions, VIA, Datumaro, Pascal
    VOC, masks and maps of ids are read and written. What the new format cannot say is noted with counts.

    Exit code 3 says that some files or images could not be read; each is named on stderr.
    """
    from cuecast.runs import actions
    from cuecast.runs.convert import ConvertRequest, source_format, target_format

    try:
        written, read = target_format(target, form), source_format(given) if given else None
    except InputError as wrong:
        raise typer.BadParameter(str(wrong)) from None
    request = ConvertRequest(
        source, target, written, read, images or (), class_names or (), shape.value, overwrite
    )
    with progress(printed.quiet) as report:
        done = actions.convert(request, report)
    total = sum(done.objects.values())
    classes = ", ".join(f"{n} {name}" for name, n in done.objects.items())
    head = f"{done.images} image{'s' if done.images != 1 else ''}, {total} object{'s' if total != 1 else ''}"
    text = f"{head}{f' ({classes})' if classes else ''}: {written.title} in {target}"
    say(
        plain(done) | {"failures": [{"input": i, "error": e} for i, e in done.failures]},
        text,
        printed.as_json,
    )
    fail((f"{where}: {error}" for where, error in done.failures), 3 if done.images else 1)
