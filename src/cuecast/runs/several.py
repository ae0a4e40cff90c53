"""A concept over several films or volumes: each into a folder of its own in OUT, and a table of all.

    OUT/NAME/...        what `track` or `volume` writes of it alone: masks, tables, its own manifest
    OUT/manifest.jsonl  a line each: verdict, number of objects, why it failed
    OUT/films.csv, OUT/volumes.csv   the same as a table, with how many frames or slices have which verdict
    OUT/objects.csv     the tables of all, each line with the NAME before it

They may be done in shards, by their names, as pictures are. What is finished says each folder by itself, and the files
of all are made from the folders, so it does not show in how many runs, or shards, they were made.
"""

from __future__ import annotations

import csv
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from cuecast.core.errors import CuecastError, OutputError
from cuecast.core.ordered import Progress, Step, silent
from cuecast.core.shards import Shard, all_shards
from cuecast.core.values import Verdict
from cuecast.io.files import MANIFEST, all_tried, copy_row, note_of_edited, replacing, write_row
from cuecast.io.places import check_places
from cuecast.io.video import open_frames
from cuecast.predictor import Concept
from cuecast.results.folder import (
    Files,
    NameTakenError,
    ResultsFolder,
    Summary,
    Tally,
    has_digest,
    other_concept,
    output_names,
)
from cuecast.results.manifest import ManifestEntry, entry_at, index_manifest, read_manifest, write_manifest
from cuecast.results.masks import mask_file
from cuecast.results.shards import Parts, whole_part
from cuecast.runs.shard import NEVER, plan_of
from cuecast.runs.video import TrackOptions, TrackSummary, track_into
from cuecast.runs.volume import VolumeOptions, VolumeSummary, run_volume

OBJECTS = "objects.csv"
VERDICTS: tuple[Verdict, ...] = ("found", "doubtful", "absent")
WORDS = (*VERDICTS, "failed")


@dataclass(frozen=True)
class Many:
    """Which files are done, and how they are called.

    name       template of the names of their folders, as in `BatchOptions`.
    overwrite  replace results of another concept.
    shard      do only this part, beside others in the same folder; `cuecast.gather` puts all together.
    """

    name: str = "{stem}"
    overwrite: bool = False
    shard: Shard | None = None


@dataclass(frozen=True)
class _Work:
    """What is done with each file. `kind` names the table of all; `settings` are all that changes results."""

    kind: str
    settings: dict[str, Any]
    one: Callable[[Path, Path], TrackSummary | VolumeSummary]


def track_several(
    concept: Concept,
    videos: Sequence[Path],
    out: Path,
    options: TrackOptions | None = None,
    window: tuple[float, float] | None = None,
    many: Many | None = None,
    progress: Progress = silent,
) -> Summary:
    """Follow a concept through several videos, each in a folder of its own in `out`. `window` as in `open_frames`.

    A video that cannot be read, or is broken, is named in the manifest and the rest is done. `progress` is told of each
    video. Raises OutputError before any work where two would have one name or `out` holds another concept's results,
    and later where there is no space or permission; what was finished by then is kept, and the same call goes on.
    """
    options, many = options or TrackOptions(), many or Many()

    def one(path: Path, folder: Path) -> TrackSummary:
        frames = open_frames(path, window if path.is_dir() else None)
        return track_into(concept, frames, folder, None, options, source=path)

    work = _Work("films", {**_settings(options), "window": window}, one)
    return _run(concept, videos, out, work, many, progress)


def segment_volumes(
    concept: Concept,
    volumes: Sequence[Path],
    out: Path,
    options: VolumeOptions | None = None,
    many: Many | None = None,
    progress: Progress = silent,
) -> Summary:
    """Segment several volumes, each in a folder of its own in `out`; all else as `track_several`."""
    options, many = options or VolumeOptions(), many or Many()

    def one(path: Path, folder: Path) -> VolumeSummary:
        return run_volume(concept, path, folder, (), None, options)

    return _run(concept, volumes, out, _Work("volumes", _settings(options), one), many, progress)


def _settings(options: TrackOptions | VolumeOptions) -> dict[str, Any]:
    """Options as JSON: all that change what is written."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(options)))
    return {k: sorted(v) if k == "formats" else v for k, v in found.items() if k not in NEVER}


def _run(
    concept: Concept, inputs: Sequence[Path], out: Path, work: _Work, many: Many, progress: Progress
) -> Summary:
    start = time.perf_counter()
    try:
        names = output_names([_unpacked(path) for path in inputs], many.name)
    except NameTakenError as taken:
        raise taken.reworded(lambda text: text.replace(".png;", ";")) from None
    check_places(inputs, out, beside=False)
    folder = ResultsFolder(out, _places(work.kind), many.overwrite, shard=many.shard)
    job = _Several(work.kind, folder)
    pairs = list(zip(names, map(str, inputs), strict=True))
    share = [p for p in zip(inputs, names, strict=True) if many.shard is None or many.shard.holds(p[1])]
    strange = partial(other_concept, pack=concept.predictor.pack.digest, cues=concept.digest)
    if many.shard is None:
        opened = folder.opened()
    else:
        plan = plan_of(work.kind, concept, pairs, work.settings, many.shard)
        opened = folder.opened_for(plan, strange)
    with opened as edited:
        known = folder.claim(strange, lambda _: Files())

        def one(place: tuple[Path, str]) -> tuple[ManifestEntry, bool]:
            return job.one(concept, work, *place, folder.entry(known, place[1]))

        tally = folder.fill(one, share, (work.kind, len(share)), 1, progress)
        files = {"manifest": whole_part(out, many.shard)} if many.shard else job.finish(dict(pairs))
        return job.summary(tally, time.perf_counter() - start, files, edited())


def _unpacked(path: Path) -> Path:
    """The path without '.gz': 'ct.nii.gz' is called 'ct', as its labels are."""
    return path.with_suffix("") if path.suffix.lower() == ".gz" else path


def _places(kind: str) -> tuple[str, str]:
    return f"{kind}.csv", OBJECTS


def gather_shards(kind: str, parts: Parts, progress: Progress = silent) -> Summary:
    """Put together what the shards of a job of this kind ('films', 'volumes') have done, as an undivided run leaves it.

    Raises OutputError where results that a shard speaks of are not there as it wrote them.
    """
    start = time.perf_counter()
    job = _Several(kind, ResultsFolder(parts.out, _places(kind)))
    with job.folder.opened(gathers=True) as edited:
        parts.check()
        tally, paths = Tally[tuple[Path, str]](), dict(parts.inputs)
        for shard in all_shards(parts.count):
            for entry in read_manifest(whole_part(parts.out, shard)):
                job.check(entry, shard)
        parts.merge()
        files = job.finish(paths)
        for entry in read_manifest(job.folder.manifest):
            if entry.name in paths:
                tally.add((Path(paths[entry.name]), entry.name), entry, False)
        parts.remove()
        progress(Step(kind, len(paths), len(paths)))
        return job.summary(tally, time.perf_counter() - start, files, edited())


@dataclass(frozen=True, eq=False)
class _Several:
    """The folder of several files: the steps of a run."""

    kind: str
    folder: ResultsFolder

    @property
    def out(self) -> Path:
        return self.folder.out

    def one(
        self, concept: Concept, work: _Work, path: Path, name: str, former: ManifestEntry | None
    ) -> tuple[ManifestEntry, bool]:
        """Do one file, or find that this was done. One that cannot be used becomes an entry."""
        blank = ManifestEntry(
            name, str(path), concept.predictor.pack.digest, concept.digest, scale=concept.scale
        )
        try:
            summary = work.one(path, self.out / name)
        except OutputError:
            raise
        except (CuecastError, MemoryError) as error:
            said = str(error) or f"{path}: not enough memory; use a machine with more"
            return replace(blank, error=said), False
        entry = replace(
            blank,
            verdict=next((word for word in VERDICTS if summary.counts[word]), "absent"),
            seconds=round(summary.seconds, 4),
            error=_failure(path, summary),
            objects=sum(summary.objects.values()) if summary.objects else None,
        )
        finished = summary.resumed == sum(summary.counts.values()) and former is not None
        return (former, True) if finished and former and _alike(former, entry) else (entry, False)

    def check(self, entry: ManifestEntry, shard: Shard) -> None:
        """Raise OutputError where a result of a file is not there as its shard wrote it."""
        folder = self.out / entry.name
        known: dict[Path, str | None] = {}
        for part in read_manifest(folder / MANIFEST):
            file = mask_file(folder, part)
            if file is not None:
                known[file] = part.mask_hash
        whole = (folder / MANIFEST).is_file() and all(has_digest(file, known[file]) for file in known)
        if entry.verdict is not None and not whole:
            raise OutputError(
                f"results of {entry.name} are gone, or were changed since shard {shard} wrote them",
                self.out,
                f"run shard {shard} again, with the same command",
            )

    def finish(self, paths: Mapping[str, str]) -> dict[str, Path]:
        """Put the manifest in order and make the tables of all; kind -> path of what there is. Raises OutputError."""
        manifest = self.folder.manifest
        index = index_manifest(manifest)

        def ordered() -> Iterator[ManifestEntry]:
            for name, path in paths.items():
                yield replace(entry_at(manifest, index[name]), image=path)
            for name in (n for n in index if n not in paths):
                if (self.out / name / MANIFEST).is_file():
                    yield entry_at(manifest, index[name])

        write_manifest(manifest, ordered())
        table = self.out / f"{self.kind}.csv"
        files = {"manifest": manifest, self.kind: table}
        with all_tried() as tried:
            tried(lambda: _write_rows(table, self._rows()))
            if any((self.out / entry.name / OBJECTS).is_file() for entry in read_manifest(manifest)):
                files["csv"] = self.out / OBJECTS
                tried(lambda: _write_rows(self.out / OBJECTS, self._objects()))
            else:
                (self.out / OBJECTS).unlink(missing_ok=True)
        return files

    def _rows(self) -> Iterator[str]:
        """The table of all files: a line each."""
        yield write_row(("name", "file", "verdict", *VERDICTS, "objects", "error"))
        for entry in read_manifest(self.folder.manifest):
            counts = Counter(e.verdict for e in read_manifest(self.out / entry.name / MANIFEST))
            told: list[Any] = [counts[word] if entry.verdict else None for word in VERDICTS]
            yield write_row((entry.name, entry.image, entry.verdict, *told, entry.objects, entry.error))

    def _objects(self) -> Iterator[str]:
        """The lines of the tables of all files, each with the name before it."""
        columns: list[str] | None = None
        for entry in read_manifest(self.folder.manifest):
            path = self.out / entry.name / OBJECTS
            if entry.verdict is None or not path.is_file():
                continue
            with open(path, encoding="utf-8", errors="surrogateescape", newline="") as lines:
                reader = csv.reader(lines)
                header = next(reader, [])
                if columns is None:
                    columns = header
                    yield copy_row(("name", *header))
                elif header != columns:
                    raise OutputError(
                        "has other columns than those before it", path, "--overwrite all of them"
                    )
                prefix = write_row((entry.name,)).rstrip("\n")
                for cells in reader:
                    yield f"{prefix},{copy_row(cells)}"

    def summary(
        self,
        tally: Tally[tuple[Path, str]],
        seconds: float,
        files: Mapping[str, Path],
        edited: tuple[Path, ...],
    ) -> Summary:
        """What the files of a run, in order, came to."""
        return Summary(
            out=self.out,
            counts={word: tally.counts[word] for word in WORDS},
            seconds=seconds,
            files=files,
            failures=tuple((str(path), error) for (path, _), error in tally.failures),
            resumed=tally.resumed,
            notes=tuple(n for n in (note_of_edited(edited),) if n),
            edited=edited,
        )


def _write_rows(path: Path, rows: Iterator[str]) -> None:
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
    ):
        stream.writelines(rows)


def _failure(path: Path, summary: TrackSummary | VolumeSummary) -> str | None:
    """What is wrong with a file of which there are results."""
    if isinstance(summary, TrackSummary):
        return f"{path}: {summary.broken}; the frames before it are done" if summary.broken else None
    return "; ".join(error for _, error in summary.failures) or None


def _alike(former: ManifestEntry, entry: ManifestEntry) -> bool:
    """Whether a line says the same but how long it took."""
    return replace(former, seconds=None, image=entry.image) == replace(entry, seconds=None)
