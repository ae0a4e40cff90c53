"""Where the seconds of an answer go, part by part, for one class and for all classes of a picture.

    python benchmarks/parts.py CUE=MASK QUERY ... [--pack general] [--classes 10] [--repeats 3] [-o RESULT.json]

The cue's mask holds the classes 1, 2, ..., of which the first --classes that cover a thousandth of it are taken: each
alone, then all together. All is on one thread, in seconds of the processor, which other programs disturb less than
the clock; of repeats the fastest counts, and of single classes and of queries the mean. 'learn' is the whole call, and
so is 'segment'; the parts are those of 'segment', each without the parts that it calls.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any
from unittest import mock

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import numpy as np

import cuecast
from cuecast.engine import decision, encoder, matcher, matching
from cuecast.evaluation.bench import machine
from cuecast.evaluation.evaluate import source_commit
from cuecast.io.images import read_image
from cuecast.io.labels.masks import read_mask

KIND = "parts"
PARTS = (
    "encoder",
    "attention",
    "ridges",
    "hidden",
    "join",
    "forest",
    "decoder",
    "signals",
    "refine",
    "decide",
    "other",
)
"""In the order of the table; 'join' is what the second look learns, 'decide' are thresholds, specks and verdict."""
SMALLEST = 1e-3


def main() -> int:
    """Measure, print, and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cue", metavar="CUE=MASK")
    parser.add_argument("queries", nargs="+", metavar="QUERY")
    parser.add_argument("--pack", default="general")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path)
    chosen = parser.parse_args()
    image, _, mask = chosen.cue.partition("=")
    result = measure(
        Path(image), read_mask(Path(mask), image=read_image(Path(image))), chosen.queries, chosen
    )
    for name in ("one", "all"):
        print(name, " ".join(f"{k} {v:.3f}" for k, v in result[name].items()))
    print("all against one:", " ".join(f"{k} {v:.2f}" for k, v in result["ratio"].items()))
    if chosen.output:
        chosen.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def measure(
    image: Path, labels: np.ndarray[Any, Any], queries: Sequence[str], chosen: argparse.Namespace
) -> dict[str, Any]:
    """The result: seconds of `learn`, `segment` and its parts, for the mean single class and for all together."""
    engine = cuecast.load(chosen.pack, threads=1)
    values, counts = np.unique(labels[(labels > 0) & (labels < 255)], return_counts=True)
    classes = [int(v) for v, n in zip(values, counts, strict=True) if n >= SMALLEST * labels.size]
    classes = classes[: chosen.classes]

    def run(taken: Sequence[int]) -> dict[str, float]:
        mask = np.zeros(labels.shape, np.uint8)
        for k, value in enumerate(taken, start=1):
            mask[labels == value] = k
        cue, names = cuecast.Cue(image, mask=mask), [str(v) for v in taken]
        learned = [
            _seconds(engine, lambda: engine.learn([cue], classes=names)) for _ in range(chosen.repeats)
        ]
        concept = engine.learn([cue], classes=names)
        answers = [[_answer(engine, concept, query) for _ in range(chosen.repeats)] for query in queries]
        best = [min(repeats, key=lambda parts: parts["segment"]) for repeats in answers]
        return {"learn": min(learned)} | {k: fmean(parts[k] for parts in best) for k in best[0]}

    run(classes[:1])  # what is loaded on first use is loaded now
    single = [run([value]) for value in classes]
    one = {k: fmean(parts[k] for parts in single) for k in single[0]}
    together = run(classes)
    return {
        "kind": KIND,
        "pack": engine.pack.name,
        "pack_digest": engine.pack.digest,
        "commit": source_commit(),
        "machine": machine(),
        "classes": len(classes),
        "size": list(labels.shape),
        "queries": len(queries),
        "one": _rounded(one),
        "all": _rounded(together),
        "ratio": {k: round(together[k] / one[k], 2) for k in ("learn", "segment")},
    }


def _answer(engine: cuecast.Predictor, concept: cuecast.Concept, query: str) -> dict[str, float]:
    with clocks(engine) as spent:
        whole = _seconds(engine, lambda: concept.segment(query))
    parts = {name: spent[name] for name in PARTS}
    parts["other"] = whole - sum(spent.values())
    return {"segment": whole} | parts


def _seconds(engine: cuecast.Predictor, do: Callable[[], Any]) -> float:
    """Seconds of the processor, with nothing kept of before."""
    engine.segmenter.forget()
    start = time.process_time()
    do()
    return time.process_time() - start


@contextmanager
def clocks(engine: cuecast.Predictor) -> Iterator[dict[str, float]]:
    """Seconds spent in each part while this is open; a part that is called by another is taken out of it."""
    spent: dict[str, float] = defaultdict(float)
    running: list[float] = []

    def clocked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            start, _ = time.process_time(), running.append(0.0)
            try:
                return function(*args, **named)
            finally:
                took = time.process_time() - start
                spent[name] += took - running.pop()
                if running:
                    running[-1] += took

        return call

    places = [
        (type(engine.segmenter.decoder), "decode", "decoder"),
        (encoder.View, "features", "encoder"),
        (matcher, "_attend", "attention"),
        (matcher, "_hidden", "hidden"),
        (matching, "evidence", "ridges"),
        (matching, "join", "join"),
        (matching, "forest_logits", "forest"),
        (matching, "measure", "signals"),
        (matching.Refiner, "refine", "refine"),
        (decision.Decision, "thresholds", "decide"),
        (decision.Decision, "mark", "decide"),
        (decision.Decision, "judge", "decide"),
    ]
    patches = [mock.patch.object(at, name, clocked(part, getattr(at, name))) for at, name, part in places]
    for patch in patches:
        patch.start()
    try:
        yield spent
    finally:
        for patch in patches:
            patch.stop()


def _rounded(seconds: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in seconds.items()}


if __name__ == "__main__":
    sys.exit(main())
