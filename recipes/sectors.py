"""The packs of sectors: `general`, refined on pictures of one field of use each.

    cuecast train recipes/sectors.py documents --data DATA --to src/cuecast/packs
    cuecast eval DATA/episodes/sectors.jsonl --root DATA/sectors --set register_columns_judge --pack documents

DATA holds train/, objects/train/ and sectors/, folders of picture sets (images/, masks/, card.json each). Lessons of
the sector's sets stand among others, of what `general` was trained on and of drawn pictures: a pack that is taught a
few sets alone forgets how to read others. A pack is written only where it is better than its base on pictures of its
sets that it was not taught (docs/refine.md). Whether it is better on other sets, too, is what `cuecast eval` says of
those in `judged_by`; what came of it: LOG.md beside this file and docs/sectors.md. They have no ready concepts, which
hold pictures: what may be trained on may not always be handed on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cuecast.training.refine_fit import Drawing

SOURCES = (0.6, 0.1, 0.3)
"""Chances of what is taught beside a sector: `general`'s sets, regions of a picture, drawn pictures of any kind."""
SIDES = (256, 320, 384)
"""Of drawn pictures of a sector's own kinds."""


@dataclass(frozen=True)
class Sector:
    """A pack: sets that it is taught and sets that judge it, folders below DATA; its card's `task` and `limits`.

    beside  share of the lessons that are not of its sets.
    drawn   families of drawn pictures (`cuecast.training.synthetic`) that are like its own; half of what is beside.
    """

    sector: str
    task: str
    sources: tuple[str, ...]
    judged_by: tuple[str, ...]
    limits: tuple[str, ...]
    beside: float = 0.5
    drawn: tuple[str, ...] = ()


SECTORS = {
    "documents": Sector(
        "finance and administration",
        "segmenting columns, lines, zones and stamps of written and printed pages",
        (
            "sectors/documents/register_columns_refine",
            "sectors/documents/typescript_lines_refine",
            "sectors/documents/typescript_zones_refine",
            "sectors/documents/stamps_refine",
            "train/manuscript_lines",
            "train/manuscript_zones",
            "train/book_pages",
        ),
        ("register_columns_judge", "typescript_lines_judge"),
        ("It reads nothing: what it finds is where something stands, not what is written there.",),
        0.75,
        ("pages",),
    ),
    "education": Sector(
        "education",
        "segmenting signs of handwritten sums and equations, and small things on a desk",
        (
            "sectors/education/handwritten_equations_refine",
            "sectors/education/handwritten_math_refine",
            "train/desk_objects",
        ),
        ("circuit_symbols_judge",),
        ("It must not mark anybody's work: a sign that it misses is no mistake of the writer.",),
        0.75,
        ("diagrams",),
    ),
    "healthcare": Sector(
        "healthcare",
        "segmenting organs, vessels and cells in pictures of several kinds of cameras",
        (
            "train/chest_xray",
            "train/ultrasound",
            "train/vessel_angio",
            "train/nuclei",
            "train/sperm_cells",
            "train/ct_aorta",
            "train/ct_organs",
            "train/ct_organs_fine",
            "train/mr_organs",
        ),
        ("brain_tumour_judge", "dev/wbc1", "dev/retina_drive", "dev/polyps", "dev/periapical"),
        ("No medical device: it must not decide on a diagnosis or a treatment.",),
    ),
    "industry": Sector(
        "industry",
        "segmenting defects and parts in pictures of inspection",
        ("train/weld_defect", "train/lpbf_defect", "train/wagon", "train/pothole", "train/hbn_flakes"),
        ("train_wheel_judge", "dev/magnetic_tile", "dev/cracks", "dev/porosity"),
        ("What it does not find may be there: it must not be the only inspection.",),
    ),
    "insurance": Sector(
        "finance: insurance",
        "segmenting parts of cars",
        ("train/car_parts",),
        ("car_parts18_judge",),
        ("It tells parts, not whether they are damaged.",),
    ),
    "power": Sector(
        "power",
        "segmenting faults and soiling of solar panels",
        ("sectors/power/solar_soiling_refine",),
        ("power_lines_judge", "dev/solar_fault"),
        ("It must not be the only inspection of a plant.",),
    ),
}


def main(argv: Sequence[str]) -> None:
    """Refine one sector's pack into the folder --to."""
    parser = argparse.ArgumentParser(prog="cuecast train recipes/sectors.py", description=__doc__)
    parser.add_argument("sector", choices=SECTORS)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and sectors/")
    parser.add_argument("--base", default="general", help="the pack it stands on")
    parser.add_argument("--to", type=Path, default=Path("runs"), help="folder that the pack goes into")
    parser.add_argument("--minutes", type=float, default=40.0, help="about how long, on a machine for itself")
    options = parser.parse_args(argv)

    from cuecast.engine.packs import open_pack
    from cuecast.training.refine import RefineOptions, refine
    from cuecast.training.refine_fit import Beside

    sector = SECTORS[options.sector]
    sources = [options.data / s for s in sector.sources]
    fields = {
        "summary": f"{options.base}, refined for {sector.sector}.",
        **stated(sector, sources),
        "limits": [*sector.limits, f"On other pictures {options.base} is better."],
    }
    # What the base was not to learn from, what stands on it is not taught either.
    excluded = open_pack(options.base).card.get("training", {}).get("excluded", ())
    made = refine(
        sources,
        options.to / options.sector,
        RefineOptions(
            options.base,
            minutes=options.minutes,
            fields=fields,
            replace=True,
            ready=False,
            beside=Beside(pictures_beside(options.data, sector.drawn, excluded), sector.beside),
        ),
        lambda step: print(f"\r{step.what} {step.done} of {step.total}   ", end="", flush=True),
    )
    print(json.dumps(made.as_dict(), indent=2))


def pictures_beside(data: Path, drawn: Sequence[str], excluded: Collection[str]) -> Drawing:
    """What is taught beside a sector's sets: those of `general`, and drawn pictures."""
    from cuecast.training.sets import read_sets, training_folders
    from cuecast.training.tasks import draw_group, label_maps

    sets = tuple(s for folder in training_folders(data) for s in read_sets(folder, excluded))

    def draw(rng: np.random.Generator, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        if drawn and rng.random() < 0.5:
            group = draw_group(rng, (), count, int(rng.choice(SIDES)), 3, (0, 0, 1), str(rng.choice(drawn)))
        else:
            group = draw_group(rng, sets, count, SIDES[0], 3, SOURCES)
        return group.images, label_maps(group)

    return draw


def stated(sector: Sector, sources: Sequence[Path]) -> dict[str, Any]:
    """What the card says beside what was measured. A set that may not be shipped from makes the licence unstated."""
    from cuecast.training.sets import set_licence

    cards = [json.loads((s / "card.json").read_text()) for s in sources]
    free = all(c.get("ship", c["use"] == "train") for c in cards)
    return {
        "licence": "Apache-2.0" if free else "NOASSERTION",
        "organisation": "The cuecast authors",
        "sector": sector.sector,
        "task": sector.task,
        "data": [set_licence(s) for s in sources],
    }


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
