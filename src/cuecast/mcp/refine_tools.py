"""The tools that refine a pack, and keep, drop, take in and give out packs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Annotated, Literal

from mcp.server.mcpserver import Context
from pydantic import Field

from cuecast.catalogue.archive import import_archive, install_pack, write_archive
from cuecast.core.errors import OutputError, PackError
from cuecast.core.ordered import Step
from cuecast.engine.card import CARD, stated
from cuecast.engine.packs import Pack, open_pack
from cuecast.mcp import schemas as s
from cuecast.mcp.desk import Desk, OutOfTimeError, reporter
from cuecast.training.needed import require_training, work_folder

RefinedPath = Annotated[str, Field(description="Folder of a refined pack: `output` of `refine`")]
Replace = Annotated[bool, Field(description="Take the place of another pack of its name")]


@dataclass(frozen=True, eq=False)
class RefineTools:
    """Each public method is a tool; its docstring is the tool's description."""

    desk: Desk

    def refine(
        self,
        context: Context,
        data: Annotated[
            list[str],
            Field(
                min_length=1,
                description="Cue sets, or folders of images with masks or label files in masks/ beside images/",
            ),
        ],
        output: Annotated[str, Field(description="Folder of the new pack; its last part is the pack's name")],
        classes: Annotated[
            list[str] | None, Field(description="Names of class 1, 2, ...; null: those of the data")
        ] = None,
        base: s.PackName = None,
        group: Annotated[
            Literal["folder", "prefix"] | None,
            Field(description="Images that belong together: of a folder, or alike up to their last number"),
        ] = None,
        minutes: Annotated[
            float, Field(ge=0.1, le=1440, description="Time that it may take in all, about")
        ] = 20,
        seconds: Annotated[
            float, Field(ge=1, le=3600, description="Stop after the step during which this time has passed")
        ] = 50,
    ) -> s.Refined:
        """Make a pack better on marked images, six of a class at least, and compare it with its base.

        Stops when its time is over: `finished` is false then, and the same call goes on where it stopped. The pack is
        written to `output` in any case and says whether it is better; `keep_refined` installs it, `drop_refined`
        removes it.
        """
        require_training()
        from cuecast.training.refine import RefineOptions
        from cuecast.training.refine import refine as run

        out = self.desk.roots.path(output)
        self.desk.roots.inside(work_folder(out))
        if (out / CARD).is_file():
            return _said(_refined(out))
        sources = [self.desk.roots.existing(path) for path in data]
        for link in (path for source in sources for path in source.rglob("*") if path.is_symlink()):
            self.desk.roots.inside(link)
        options = RefineOptions(self.desk.find(base).folder, classes, group, minutes, anyway=True)
        steps = _Steps(context, monotonic() + seconds)
        try:
            made = run(sources, out, options, steps)
        except OutOfTimeError:
            return s.Refined(
                output=str(out), finished=False, step=steps.what, done=steps.done, total=steps.total
            )
        return _said(made.pack)

    def keep_refined(
        self,
        pack: RefinedPath,
        anyway: Annotated[bool, Field(description="Also where it is not better than its base")] = False,
        replace: Replace = False,
    ) -> s.PackKept:
        """Install a refined pack, so that it can be named, and remove its folder."""
        self.desk.may_install()
        found = _refined(self.desk.roots.existing(pack))
        training = stated(found.card, "training")
        if not (training["better"] or anyway):
            said = "; ".join(training.get("faults", ())) or "its card says so"
            what = f"it is not better than its base: {said}"
            raise PackError(
                what, f"pack {found.name}", "give more or better images, or keep it anyway (anyway: true)"
            )
        kept = install_pack(found, replace=replace).pack
        if kept.folder.resolve() != found.folder:
            shutil.rmtree(found.folder)
        return _kept(kept)

    def drop_refined(self, pack: RefinedPath) -> s.PackDropped:
        """Remove the folder of a refined pack, or what a refinement that is not finished has left beside it."""
        out = self.desk.roots.path(pack)
        work = self.desk.roots.inside(work_folder(out))
        if not work.is_dir() or out.exists():
            shutil.rmtree(_refined(out).folder)
        if work.is_dir():
            shutil.rmtree(work)
        return s.PackDropped(dropped=str(out))

    def import_pack(
        self,
        file: Annotated[str, Field(description="A .zip that `export_pack` or `cuecast packs export` wrote")],
        replace: Replace = False,
    ) -> s.PackKept:
        """Check a pack that was exported, and install it, so that it can be named. It is never code."""
        self.desk.may_install()
        return _kept(import_archive(self.desk.roots.existing(file), replace=replace).pack)

    def export_pack(
        self,
        output: Annotated[str, Field(description="The .zip to write")],
        pack: s.PackName = None,
    ) -> s.PackFile:
        """Write an installed pack as one file that can be mailed."""
        self.desk.may_install()
        path = self.desk.roots.path(output)
        if path.suffix.lower() != ".zip":
            raise OutputError("a .zip is written, its name ends in .zip", path, "name it so")
        found = self.desk.find(pack)
        return s.PackFile(name=found.name, digest=found.digest, file=str(write_archive(found, path)))


@dataclass(eq=False)
class _Steps:
    """Remembers how far a refinement is, reports it, and ends it at `deadline`."""

    context: Context
    deadline: float
    what: str = "reading"
    done: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        self._report = reporter(self.context)

    def __call__(self, step: Step) -> None:
        self.what, self.done, self.total = step.what, step.done, step.total
        self._report(step)
        if not step.resumed and monotonic() >= self.deadline:
            raise OutOfTimeError


def _refined(folder: Path) -> Pack:
    """A pack that refining has written. Raises PackError for any other folder."""
    if not (folder / CARD).is_file():
        raise PackError("no pack is there", folder, "`refine` makes one")
    pack = open_pack(folder)
    if "better" not in stated(pack.card, "training"):
        raise PackError("it is not one that was refined", folder, "give `output` of `refine`")
    return pack


def _said(pack: Pack) -> s.Refined:
    """What the card of a refined pack says of it beside its base."""
    training, scores = stated(pack.card, "training"), stated(pack.card, "scores")
    before, after = scores["base"], scores["mean"]
    return s.Refined(
        output=str(pack.folder),
        finished=True,
        better=training["better"],
        faults=training.get("faults", []),
        gain=scores["gain"],
        by_shots={n: s.Beside(base=before[n], refined=after[n]) for n in after},
        curve=training["curve"],
        twice_as_many_would_add=training["twice_as_many_would_add"],
        concepts=list(pack.concepts),
    )


def _kept(pack: Pack) -> s.PackKept:
    return s.PackKept(name=pack.name, digest=pack.digest, concepts=list(pack.concepts))
