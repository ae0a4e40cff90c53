"""A run of a video project: the marks on its frames are followed through the video, as `cuecast track` does it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from cuecast.core.values import ClassInfo
from cuecast.io.files import MANIFEST
from cuecast.predictor import Predictor
from cuecast.results.manifest import ManifestEntry, entry_at, read_manifest
from cuecast.runs.video import TrackOptions, TrackSummary, track_into
from cuecast.service.compute.cues import MarkedImage, read_marked
from cuecast.service.compute.sources import FramesSource, SourceAt

Progress = Callable[[int, int], None]
"""Called with (frames done, frames in all); an exception out of it stops the run, and the next one goes on."""


def track_project(
    predictor: Predictor,
    video: SourceAt,
    out: Path,
    classes: Sequence[ClassInfo],
    cues: Sequence[MarkedImage],
    overwrite: bool,
    progress: Progress,
) -> TrackSummary:
    """Follow what is marked on frames of `video`, with the results in `out`; those of another pack are thrown away.

    Raises CueError where the marks teach nothing, and what reading the video and writing results raises.
    """
    source = video.open()
    assert isinstance(source, FramesSource)
    marked = {cue.frame.index: read_marked(cue, classes) for cue in cues if cue.frame is not None}
    concept = predictor.learn(list(marked.values()), classes, "pixel")
    drop_foreign(out, predictor)
    return track_into(concept, source.frames, out, marked, TrackOptions(overwrite=overwrite), progress)


def drop_foreign(out: Path, predictor: Predictor) -> None:
    """Remove results that another pack has made: they can be made anew from the marks."""
    manifest = out / MANIFEST
    if manifest.is_file() and any(e.pack != predictor.pack.digest for e in read_manifest(manifest)):
        shutil.rmtree(out)


class NewLines:
    """The entries that are appended to a manifest from the first time on that it is asked for them."""

    def __init__(self, manifest: Path) -> None:
        self._manifest = manifest
        self._offset: int | None = None

    def read(self) -> list[ManifestEntry]:
        """Those that are new since the last call."""
        if self._offset is None:
            self._offset = self._manifest.stat().st_size if self._manifest.exists() else 0
            return []
        found = []
        with open(self._manifest, "rb") as stream:
            stream.seek(self._offset)
            for line in stream:
                if line.endswith(b"\n"):
                    found.append(entry_at(self._manifest, self._offset))
                    self._offset += len(line)
        return found
