"""Refining a pack on a sector's own pictures, with proof: a pack that is not better than its base is not written.

    read      pictures, parted into those that teach and those that judge (refine_data)
    measure   the base on those that judge
    lessons   what the decoder reads of those that teach (refine_fit)
    fit       the decoder on all of them, and on parts of them for the curve
    measure   the new decoder on those that judge, and compare (refine_compare)
    finish    where it is better: more lessons, of those that judged as well, and fit on
    write     the pack: a decoder and ready concepts, standing on its base; or none

Everything between is kept in a folder beside the pack, so that a run that was stopped goes on. On several processes of
torchrun the first one does all of it, and the others help it to fit: they read the lessons from that folder.
"""

from __future__ import annotations

import datetime
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PILImage

from cuecast.catalogue.make import check_new, make_pack
from cuecast.core.errors import InputError, OutputError, PackError
from cuecast.core.notes import give_note, notes_to
from cuecast.core.ordered import Progress, Step, silent
from cuecast.core.values import ClassInfo
from cuecast.cues import Cue
from cuecast.cuesets.cueset import read_cueset
from cuecast.cuesets.edit import add_cues, new_cueset
from cuecast.engine.card import concept_name
from cuecast.engine.matching import MatchingSegmenter
from cuecast.engine.packs import Pack, find_base, open_pack
from cuecast.engine.segmenter import PackFile
from cuecast.io.files import exclusive, file_digest, make_folder, read_json, write_text
from cuecast.predictor import Predictor
from cuecast.training.needed import work_folder
from cuecast.training.onnx_module import OnnxModule
from cuecast.training.refine_compare import (
    SHOTS,
    Answered,
    Comparison,
    answer,
    compare,
    fit_absent,
    mean_iou,
    questions,
)
from cuecast.training.refine_data import Data, Shown, only_classes, read_data
from cuecast.training.refine_fit import (
    MOST_SAMPLES,
    SHARES,
    SMALLEST_PART,
    WAY,
    Beside,
    Samples,
    check_shares,
    draw_lesson,
    fit_decoder,
    write_samples,
)
from cuecast.training.torchrun import Processes, join

LESSONS, FIT, PART, LAST_LESSONS, LAST_FIT = 0.25, 0.25, 0.05, 0.1, 0.15
"""Shares of the time: for lessons, for fitting to them, for fitting to each smaller part; for lessons of all pictures
and fitting on to these as well. The rest measures."""
CURVE_SHOTS = 5
READY = ((20, 640), (12, 640), (8, 640), (5, 640), (5, 512), (3, 512), (3, 448), (2, 448), (1, 448), (1, 320))
"""Cues of a ready concept at most, and the longest side of their pictures: the first at which all concepts of a pack
together hold no more than `READY_BYTES`, or the last."""
READY_BYTES = 1_500_000
PLAN = "plan.json"
TAUGHT, LAST = "samples", "last samples"
"""Of the lessons whose decoder is measured, and of those after it: what their steps and files are called."""


class NotBetterError(PackError):
    """A refined pack that was not written, for it is not better than its base. `measured`: where the figures are."""

    def __init__(self, comparison: Comparison, where: Path, measured: Path) -> None:
        self.comparison, self.measured = comparison, measured
        super().__init__(
            f"it is not better than its base, so it was not written: {'; '.join(comparison.faults)}",
            f"pack {where.name}",
            f"the figures are in {measured}; give more or better pictures, or write it all the same (--anyway)",
        )


@dataclass(frozen=True)
class RefineOptions:
    """How to refine.

    base     pack that the new one stands on, a name or a folder.
    classes  names of class 1, 2, ...; None: those of the cue sets or label files.
    group    which pictures belong together: 'folder', 'prefix', or a CSV file; see `refine_data.read_data`.
    minutes  time it may take, about: lessons and steps are as many as fit.
    fields   of the card beside those that are made: organisation, country, sector, task, licence, data, limits.
    anyway   write a pack that is not better, too; its card says so.
    replace  take the place of another pack of that name.
    ready    put a ready concept of each class into it: pictures of the data, which whoever gets the pack gets.
    threads  that it may use; None: as torch and ONNX Runtime take them.
    beside   other lessons among those of the data, so that what the base knows is not lost; None: none.
    """

    base: str | Path = "general"
    classes: Sequence[ClassInfo | str] | None = None
    group: str | Path | None = None
    minutes: float = 20.0
    fields: Mapping[str, Any] = field(default_factory=dict)
    anyway: bool = False
    replace: bool = False
    ready: bool = True
    threads: int | None = None
    beside: Beside | None = None


@dataclass(frozen=True)
class Refined:
    """A pack that was written, and what was measured of it.

    curve    pictures that taught -> mean IoU at `CURVE_SHOTS` cues, or as many as there are; 0: the base.
    outlook  what twice as many pictures are likely to add to it; None where the curve has too few points.
    """

    pack: Pack
    comparison: Comparison
    curve: Mapping[int, float]
    outlook: float | None
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Everything as JSON takes it."""
        return {
            "pack": str(self.pack.folder),
            **self.comparison.as_dict(),
            "faults": list(self.comparison.faults),
            "curve": {str(n): v for n, v in self.curve.items()},
            "twice_as_many_would_add": self.outlook,
            "seconds": round(self.seconds, 1),
            "concepts": list(self.pack.concepts),
        }


def refine(
    sources: str | Path | Sequence[str | Path],
    out: str | Path,
    options: RefineOptions = RefineOptions(),
    progress: Progress = silent,
) -> Refined:
    """Make a pack that is better than its base on these pictures. The same call goes on where it was stopped.

    sources  cue sets, or folders of pictures with masks or label files; see `refine_data.read_data`.
    out      the pack's folder: its last part is the pack's name.

    Started by torchrun, the first process alone tells its progress and writes; all return what came of it.

    Raises NotBetterError where it is not (and `anyway` was not said), InputError and its like for the pictures,
    PackError for the base, OutputError.
    """
    out = Path(out)
    processes = join()
    check_shares(processes.count)
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    if options.minutes <= 0:
        raise InputError(f"{options.minutes} minutes are no time to refine in: give more than 0")
    base = open_pack(options.base)
    find_base(base.name, base.digest, out)  # where it is not found later, the new pack is of no use
    if out.exists() and not options.replace:
        raise OutputError("something is there already", out, "choose another name, or replace it (--replace)")
    with ExitStack() as stack:
        if not processes.first:
            stack.enter_context(notes_to(lambda _: None))  # the first one says it
        data = read_data(given, options.classes, options.group)
    check_new(
        out.name,
        out.absolute().parent,
        base,
        fields=options.fields,
        concepts=list(ready_names(data.classes).values()) if options.ready else (),
        replace=options.replace,
    )
    if processes.first:
        _tell_of(data)
    work = work_folder(out)
    run = _Run(out, options, base, data, work, progress, processes)
    if not processes.first:
        return run.go()
    with exclusive(make_folder(work)):
        _claim(work, data, base, options)
        return run.go()


def _tell_of(data: Data) -> None:
    """Say what of the data is not used, and what was found in it."""
    for reason in data.left_out:
        give_note(f"{reason}: too few to refine it, it is left out")
    if data.alike:
        one, other = data.alike[0]
        give_note(
            f"{len(data.alike)} pairs of pictures are nearly the same, such as {one} and {other}: each stays on one "
            "side"
        )


def _claim(work: Path, data: Data, base: Pack, options: RefineOptions) -> None:
    """Make the folder this run's; what another run left in it goes."""
    plan = {
        "version": 2,
        "data": data.digest,
        "base": base.digest,
        "minutes": options.minutes,
        "beside": options.beside.share if options.beside else None,
    }
    if (work / PLAN).is_file() and read_json(work / PLAN, OutputError) == plan:
        return
    for path in work.iterdir():
        if path.is_file():
            path.unlink()
    write_text(work / PLAN, json.dumps(plan) + "\n")


class _Run:
    """One run over data that has been read, in its folder."""

    def __init__(
        self,
        out: Path,
        options: RefineOptions,
        base: Pack,
        data: Data,
        work: Path,
        progress: Progress,
        processes: Processes,
    ) -> None:
        self.processes = processes
        self.out, self.options, self.base = out, options, base
        self.data, self.work, self.progress = data, work, progress
        self.seconds = options.minutes * 60
        self.begun = time.monotonic()
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        segmenter = base.segmenter(options.threads)
        if not isinstance(segmenter, MatchingSegmenter):
            raise PackError(
                "its engine has no decoder to refine",
                f"pack {base.name}",
                "name another base (--pack general)",
            )
        self.predictor, self.segmenter = Predictor(segmenter, base), segmenter
        self.decoder = base.files["decode.onnx"].path
        try:
            OnnxModule(self.decoder)
        except RuntimeError as error:
            raise PackError(
                f"its decoder cannot be refined ({error})",
                f"pack {base.name}",
                "name another base (--pack general)",
            ) from error

    def go(self) -> Refined:
        """All stages, see the module; or a helper's part in them."""
        if not self.processes.first:
            self._help()
        made, comparison, kept = self.processes.told(self._judged)
        if made is None:
            raise NotBetterError(comparison, self.out, kept)
        return made

    def _help(self) -> None:
        """Take a share of each fit, in the order in which the first process comes to them."""
        samples = self._samples(TAUGHT, self.data, LESSONS)
        self._fitted("all", samples, FIT * self.seconds)
        for name, part, _ in self._parts(samples):
            self._fitted(name, part, PART * self.seconds)
        if self.processes.told(lambda: True):
            self._finished(samples)

    def _judged(self) -> tuple[Refined | None, Comparison, Path]:
        """The pack, or None where it was not written; how it compares; where the figures are then."""
        before = self._measure("base", self.predictor, SHOTS)
        samples = self._samples(TAUGHT, self.data, LESSONS)
        refined = self._refined("all", samples, FIT * self.seconds)
        after = self._measure("refined", refined, SHOTS)
        groups = {p.key: p.group for p in self.data.judging}
        limits = self._absent(before, after)
        comparison = compare(before, after, groups, limits)
        curve = self._curve(samples, before, after)
        outlook = likely_gain(curve)
        kept = self.out.with_name(f"{self.out.name}.measured.json")
        if not self.processes.told(lambda: self.options.anyway or not comparison.faults):
            measured = {
                **comparison.as_dict(),
                "faults": list(comparison.faults),
                "curve": curve,
                "outlook": outlook,
            }
            write_text(kept, json.dumps(measured, indent=2) + "\n")
            return None, comparison, kept
        decoder = self._finished(samples)
        seconds = time.monotonic() - self.begun
        pack = self._write(decoder, limits[1], comparison, curve, outlook, seconds)
        shutil.rmtree(self.work, ignore_errors=True)
        return Refined(pack, comparison, curve, outlook, seconds), comparison, kept

    def _finished(self, samples: Samples) -> Path:
        """The decoder that is written: fitted on, to lessons of all pictures, those that judged among them.

        What was measured is the decoder before: nothing is left to measure this one with.
        """
        everything = replace(self.data, teaching=(*self.data.judging, *self.data.teaching))
        more = self._samples(LAST, everything, LAST_LESSONS)
        return self._fitted("last", Samples([*samples.places, *more.places]), LAST_FIT * self.seconds, "all")

    def _samples(self, name: str, data: Data, share: float) -> Samples:
        """Those of all lessons of that name. The first process draws them, which the others wait for; they read its
        files. `share` of the time they may take."""
        drawn = self._lessons(name, data, share) if self.processes.first else Samples()
        count: int = self.processes.told(lambda: read_json(self._count(name), OutputError)["count"])
        if not self.processes.first:
            places = [place for n in range(count) for place in Samples.of(self._lesson(name, n)).places]
            drawn = Samples(places)
        self.processes.meet()
        return drawn

    def _count(self, name: str) -> Path:
        return self.work / f"{name}.json"

    def _lesson(self, name: str, number: int) -> Path:
        return self.work / f"{name}-{number:04}.npz"

    def _lessons(self, name: str, data: Data, share: float) -> Samples:
        """Lessons until their time is up or there are enough; their number is kept, so that all runs end alike."""
        wanted = min(MOST_SAMPLES, 40 * len(data.teaching) * len(data.classes))
        end = self._count(name)
        count = read_json(end, OutputError)["count"] if end.is_file() else None
        samples = Samples()
        number, used = 0, 0.0
        while number != count and not (
            count is None and (len(samples) >= wanted or used >= share * self.seconds)
        ):
            path = self._lesson(name, number)
            start, there = time.monotonic(), path.is_file()
            if not there:
                write_samples(path, draw_lesson(self.segmenter, data, number, self.options.beside))
            samples += Samples.of(path)
            used += time.monotonic() - start
            number += 1
            self.progress(Step(name, min(len(samples), wanted), wanted, resumed=there))
            if number >= 50 and not samples:
                break
        write_text(end, json.dumps({"count": number}) + "\n")
        if not samples:
            raise InputError(
                "no two of its teaching pictures show the same class in different groups",
                data.teaching[0].source,
                "give pictures of more groups, or say better which belong together (--group)",
            )
        return samples

    def _refined(self, name: str, samples: Samples, seconds: float) -> Predictor:
        """The base with a decoder fitted to these samples."""
        path = self._fitted(name, samples, seconds)
        return Predictor(self.segmenter.with_decoder(PackFile(path, file_digest(path))), self.base)

    def _fitted(self, name: str, samples: Samples, seconds: float, after: str | None = None) -> Path:
        """The file of a decoder fitted to these samples, which the first process writes; going on from the weights of
        the fit `after`, else from the base's."""
        path = self.work / f"{name}.onnx"
        if not self.processes.told(path.is_file):
            decoder = fit_decoder(
                self.decoder,
                samples,
                self.work / f"{name}.pt",
                seconds,
                lambda d, t: self.progress(Step(f"steps of {name}", d, t)),
                after=self.work / f"{after}.pt" if after else None,
            )
            if self.processes.first:
                decoder.blend(OnnxModule(self.decoder), 1 - WAY)
                new = path.with_name(f".{path.name}")
                decoder.save(new)
                new.rename(path)
        return path

    def _measure(self, name: str, predictor: Predictor, shots: Sequence[int]) -> list[Answered]:
        """Answers to all questions; those of an earlier run are taken from its record."""
        record = self.work / f"{name}.answers.json"
        known: dict[str, Any] = read_json(record, OutputError) if record.is_file() else {}
        asked = questions(self.data, shots)
        for number, question in enumerate(asked, start=1):
            if question.key in known:
                continue
            known[question.key] = answer(predictor, question).as_dict()
            write_text(record, json.dumps(known))
            self.progress(Step(f"questions to {name}", number, len(asked)))
        return [Answered.from_dict(known[q.key]) for q in asked]

    def _curve(
        self, samples: Samples, before: Sequence[Answered], after: Sequence[Answered]
    ) -> dict[int, float]:
        """Teaching pictures -> mean IoU: of the base at 0, of the parts, of all."""
        shots = max(a.shots for a in after if a.shots <= CURVE_SHOTS)

        def reached(answers: Sequence[Answered]) -> float:
            return round(mean_iou([a for a in answers if a.shots == shots]), 4)

        curve = {0: reached(before)}
        for name, part, count in self._parts(samples):
            fitted = self._refined(name, part, PART * self.seconds)
            curve[count] = reached(self._measure(name, fitted, (shots,)))
        curve[len(self.data.teaching)] = reached(after)
        return curve

    def _parts(self, samples: Samples) -> Iterator[tuple[str, Samples, int]]:
        """Name, samples and number of teaching pictures of each part of the data that the curve has a point of."""
        for index, share in enumerate(SHARES[:-1]):
            part = samples.of_part(index)
            count = len(self.data.part(share))
            if count >= SMALLEST_PART and part:
                yield f"part{index}", part, count

    def _absent(self, before: Sequence[Answered], after: Sequence[Answered]) -> tuple[float, float]:
        """The limits from which the base and the refined pack call absence."""
        stated = self.base.calibration
        limit = stated.absent if stated else 1.0
        return limit, fit_absent(before, after, limit) if stated else limit

    def _write(
        self,
        decoder: Path,
        absent: float,
        comparison: Comparison,
        curve: Mapping[int, float],
        outlook: float | None,
        seconds: float,
    ) -> Pack:
        out = self.out
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            concepts = write_concepts(Path(folder), self.data) if self.options.ready else {}
            said = {n: f"{n}, shown on {len(read_cueset(p).entries)} pictures" for n, p in concepts.items()}
            picture = plot_curve(Path(folder) / "curve.png", curve)
            stated = self.base.numbers.get("calibration")
            calibrated = {"calibration": {**stated, "absent": absent}} if stated else {}
            return make_pack(
                out.name,
                out.absolute().parent,
                self.base,
                fields={
                    **self._fields(comparison, curve, outlook, seconds, said),
                    **calibrated,
                    **self.options.fields,
                },
                files={
                    "decode.onnx": decoder.read_bytes(),
                    "curve.png": picture.read_bytes(),
                },
                concepts=concepts,
                replace=self.options.replace,
            )

    def _fields(
        self,
        comparison: Comparison,
        curve: Mapping[int, float],
        outlook: float | None,
        seconds: float,
        concepts: Mapping[str, str],
    ) -> dict[str, Any]:
        """What the card says of this run; `concepts`: name -> what it is."""
        data = self.data
        names = ", ".join(c.name for c in data.classes)
        mean = {str(n): round(after, 4) for n, (_, after) in comparison.by_shots.items()}
        sources = {p.place: p.source for p in (*data.teaching, *data.judging)}
        return {
            "summary": f"{self.base.name} refined on {len(data.teaching)} pictures: {names}.",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "data": [
                {
                    "name": Path(s).name,
                    "licence": "NOASSERTION",
                    "count": sum(p.place == place for p in data.teaching),
                }
                for place, s in sorted(sources.items())
            ],
            "training": {
                "teaching": len(data.teaching),
                "judging": len(data.judging),
                "groups": len({p.group for p in (*data.teaching, *data.judging)}),
                "seconds": round(seconds),
                "curve": {str(n): v for n, v in curve.items()},
                "twice_as_many_would_add": outlook,
                "better": not comparison.faults,
                **({"faults": list(comparison.faults)} if comparison.faults else {}),
            },
            "scores": {
                "measured": "on pictures of groups that it was not trained on, beside its base",
                "mean": mean,
                "base": {str(n): round(before, 4) for n, (before, _) in comparison.by_shots.items()},
                "gain": round(comparison.gain, 4),
                "pictures": comparison.pictures,
            },
            "limits": ["Refined on one kind of pictures: on others its base may be better."],
            "concepts": {name: {"summary": summary} for name, summary in concepts.items()},
        }


def ready_names(classes: Sequence[ClassInfo]) -> dict[int, str]:
    """Class id -> name of its ready concept: the class's, as far as a concept can have it.

    Raises InputError where two classes would share one.
    """
    names = {c.id: concept_name(c.name) or f"class {c.id}" for c in classes}
    for name, count in Counter(n.casefold() for n in names.values()).items():
        if count > 1:
            same = " and ".join(repr(c.name) for c in classes if names[c.id].casefold() == name)
            raise InputError(
                f"the ready concepts of the classes {same} would both be called {name!r}",
                "refining",
                "name them otherwise (--class)",
            )
    return names


def write_concepts(folder: Path, data: Data) -> dict[str, Path]:
    """A cue set of each class, one of each group first; all as large as `READY` says.

    From the pictures that judged, too: what was measured is measured, and more cues answer better.
    """
    names = ready_names(data.classes)
    for most, side in READY:
        top = folder / f"{most} of {side}"
        made = {names[i.id]: _write_concept(top, data, i, most, side) for i in data.classes}
        size = sum(f.stat().st_size for path in made.values() for f in path.rglob("*") if f.is_file())
        if size <= READY_BYTES:
            break
    return made


def _write_concept(folder: Path, data: Data, info: ClassInfo, most: int, side: int) -> Path:
    """A cue set of one class, of at most so many cues."""
    seen: Counter[str] = Counter()
    ranked = []
    for p in (*data.teaching, *data.judging):
        if p.shows(info.id):
            seen[p.group] += 1
            ranked.append((seen[p.group], p))
    chosen = [p for _, p in sorted(ranked, key=lambda r: r[0])][:most]
    path = folder / f"{info.id}"
    own = ClassInfo(info.id, info.name)
    new_cueset(path, [own])
    files = folder / f"{info.id} pictures"
    files.mkdir()
    add_cues(path, [_small_cue(files, i, p, own, side) for i, p in enumerate(chosen)])
    return path


def _small_cue(folder: Path, number: int, shown: Shown, cls: ClassInfo, side: int) -> Cue:
    """A picture as a cue of a class, its longest side no longer than `side` pixels."""
    example = only_classes(shown, [cls.id])
    mask = example.marks.mask
    assert mask is not None
    image = PILImage.fromarray(example.image.pixels)
    labels = PILImage.fromarray(mask.astype("int32"), mode="I")
    factor = side / max(image.size)
    if factor < 1:
        size = round(image.width * factor), round(image.height * factor)
        image = image.resize(size, PILImage.Resampling.LANCZOS)
        labels = labels.resize(size, PILImage.Resampling.NEAREST)
    path = folder / f"{number:03}.jpg"
    image.save(path, quality=90)
    return Cue(path, mask=np.asarray(labels, np.int32))


def likely_gain(curve: Mapping[int, float]) -> float | None:
    """What twice as many pictures are likely to add, by a line over the logarithm of their number; at least 0.

    Learning curves follow a power law for a while (Hestness et al. 2017); over a doubling it is nearly such a line.
    """
    points = [(n, v) for n, v in sorted(curve.items()) if n]
    if len(points) < 3:
        return None
    slope = np.polyfit(np.log2([n for n, _ in points]), [v for _, v in points], 1)[0]
    return round(max(0.0, float(slope)), 4)


def plot_curve(path: Path, curve: Mapping[int, float]) -> Path:
    """Draw mean IoU over the number of pictures that taught; the base as a level line."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3.2), layout="constrained")
    points = [(n, v) for n, v in sorted(curve.items()) if n]
    axes.plot(*zip(*points, strict=True), marker="o", label="refined")
    axes.axhline(curve[0], color="grey", linestyle="--", label="base")
    axes.set_xlabel("pictures that taught")
    axes.set_ylabel(f"mean IoU, {CURVE_SHOTS} cues at most")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return path
