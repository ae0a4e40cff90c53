"""Writes docs/benchmarks.md and its curves from benchmarks/results: `python docs/generate_benchmarks.py`.

A test compares the page with what this gives. Results of `cuecast bench -o`, of `cuecast eval --objects`, and of
verdicts.py, sparse.py, negatives.py, cue_check.py, suggest.py, objects_drawn.py, parts.py, studio.py and
seggpt_speed.py of benchmarks/ are taken, other files of the folder are left alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cuecast.evaluation.bench_result import KIND, PUBLISHED

HERE = Path(__file__).parent
PAGE = HERE / "benchmarks.md"
RESULTS = HERE.parent / "benchmarks" / "results"
CURVE_SHOTS = 3
"""From this many numbers of cues on, a result is drawn as curves."""
HEAD = """\
# Benchmarks

Written by `docs/generate_benchmarks.py` from benchmarks/results; run the benchmark, then run it again. The figures
are as good as the machine, commit and pack stated above each table; a newer pack has other figures.

## What is measured

    cuecast bench EPISODES.jsonl -o benchmarks/results/NAME.json [--baselines NAME,NAME] [--pictures DIR]

Every method answers the same episodes in one run on one machine. IoU and Dice are as in
[evaluation.md](evaluation.md): means within a set, then over sets. Seconds are wall time with all pictures read and
all libraries loaded; 'learn' is once for all cues, 's/image' once for each query.

| name | method | cues |
| --- | --- | --- |
| `cuecast` | the pack, through `Predictor.learn` and `Concept.segment` | masks |
| `filter-forest` | random forest on multiscale filter features (scikit-image, scikit-learn), as ilastik and Weka fit; \
pictures at an area of 224 x 224 | masks |
| `prototype` | the nearer of two mean features (thing, rest) of our encoder, by cosine | masks |
| `cuecast-box` | the pack, shown boxes on the query itself | box on the query |
| `grabcut` | GrabCut (OpenCV), shown the same boxes | box on the query |

The forest gets every pixel of the cues' masks to draw from, more than a person's strokes would give it; it draws
30,000. 'Box on the query' has a tight box round each connected component of the true mask that covers at least 0.1 % of
the picture; it is another problem than finding the thing in a new picture, so the two kinds of cues have tables of
their own. Figures that others published are marked so and stand apart.
"""
FOOT = """\
## Making it again

    pip install 'cuecast[bench]'
    cuecast bench EPISODES.jsonl --shots 5 -o benchmarks/results/baselines.json \
      --baselines cuecast,filter-forest,prototype
    cuecast bench EPISODES.jsonl --shots 1 --limit 2 --baselines cuecast-box,grabcut -o benchmarks/results/boxes.json
    cuecast episodes SETS -o curves.jsonl --queries 2 --tasks 1
    cuecast bench curves.jsonl --root SETS --baselines cuecast,filter-forest,prototype -o benchmarks/results/curves.json
    cuecast eval EPISODES.jsonl -o scores/dev && cuecast eval ABSENT.jsonl -o scores/absent
    python benchmarks/verdicts.py scores/*/scores.json -o benchmarks/results/verdicts.json
    python benchmarks/sparse.py EPISODES.jsonl --root SETS --video VIDEO -o benchmarks/results/sparse.json
    python benchmarks/negatives.py ABSENT.jsonl EPISODES.jsonl -o benchmarks/results/negatives.json
    python benchmarks/cue_check.py EPISODES.jsonl -o benchmarks/results/cue_check.json
    python benchmarks/suggest.py EPISODES.jsonl --held 4 -o benchmarks/results/suggest.json
    cuecast eval OBJECT_EPISODES.jsonl --objects -o OUT
    python benchmarks/objects_drawn.py --cues 3 -o benchmarks/results/objects-drawn-3.json
    python benchmarks/parts.py CUE=MASK QUERY ... -o benchmarks/results/parts-1.json
    python benchmarks/studio.py -o benchmarks/results/studio.json
    python benchmarks/seggpt_speed.py -o benchmarks/results/seggpt_speed.json
    python docs/generate_benchmarks.py

`cuecast episodes` draws nested cues: the 16 of a query begin with its 8, so a curve shows what more cues add.

## Pictures of episodes

    cuecast bench EPISODES.jsonl --pictures DIR

writes two pictures for each set, the episode that cuecast answers best and the one it answers worst: the cue, the
truth, and the answer of every method with its IoU. They are not in this repository, because the licences of the
pictures that we measure on do not all allow it.
"""


def read(folder: Path, kind: str) -> dict[str, dict[str, Any]]:
    """The results of a kind by name of their file, in order of name."""
    found = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("*.json"))}
    return {name: r for name, r in found.items() if r.get("kind") == kind}


def page(folder: Path = RESULTS) -> str:
    """The whole page."""
    benches = read(folder, KIND)
    parts = [HEAD]
    parts += ["\n".join(section(name, result)) for name, result in benches.items()]
    if not benches:
        parts.append("## Results\n\nNo result has been kept yet.\n")
    parts += ["\n".join(verdicts(name, result)) for name, result in read(folder, "verdicts").items()]
    parts += ["\n".join(sparse(name, result)) for name, result in read(folder, "sparse").items()]
    parts += ["\n".join(negatives(name, result)) for name, result in read(folder, "negatives").items()]
    parts += ["\n".join(cue_check(name, result)) for name, result in read(folder, "cue-check").items()]
    parts += ["\n".join(suggestions(name, result)) for name, result in read(folder, "suggest").items()]
    told_apart = list(read(folder, "objects-drawn").items())
    parts += ["\n".join(objects(name, result)) for name, result in read(folder, "objects").items()]
    parts += ["\n".join(drawn_objects(name, result)) for name, result in told_apart]
    parts += ["\n".join(seconds_by_part(name, result)) for name, result in read(folder, "parts").items()]
    parts += ["\n".join(waits(name, result)) for name, result in read(folder, "studio").items()]
    parts += ["\n".join(others(list(read(folder, "seggpt-speed").values()))), FOOT]
    return "\n".join(parts)


def section(name: str, result: dict[str, Any]) -> Iterator[str]:
    """The lines of one result: what made it, then means, curves and sets for each kind of cues."""
    machine, episodes = result["machine"], result["episodes"]
    libraries = ", ".join(f"{k} {v}" for k, v in machine["libraries"].items() if v)
    yield f"## Results: {name}"
    yield ""
    yield f"{episodes['count']} episodes of `{episodes['list']}`; pack {result['pack']} "
    yield f"`{result['pack_digest'][:12]}`, commit `{result['commit']}`."
    yield f"Machine: {machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
    yield f"{libraries}; {result['workers']} at a time."
    yield ""
    for kind in dict.fromkeys(p["cues"] for p in result["baselines"]):
        baselines = [p for p in result["baselines"] if p["cues"] == kind]
        yield f"### Cues: {kind} ({name})"
        yield ""
        yield from table(
            ["method", "cues", "IoU", "Dice", "learn, s", "s/image", "episodes"],
            [[p["baseline"], *_figures(s)] for p in baselines for s in p["means"]],
        )
        if len(shots_of(baselines)) >= CURVE_SHOTS:
            yield f"![Mean IoU against the number of cues, a curve a method.](images/{curves_name(name)})"
            yield ""
        yield "IoU by set:"
        yield ""
        yield from by_set(baselines)


def by_set(baselines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A line a set, a column a number of cues and method; the best of a number of cues is bold."""
    cell = {
        (s["set"], s["shots"], p["baseline"]): s["iou"] for p in baselines for s in (*p["sets"], *p["means"])
    }
    shots, names = shots_of(baselines), [p["baseline"] for p in baselines]
    rows = []
    for place in [s for s in dict.fromkeys(s for s, _, _ in cell) if s != "mean"] + ["mean"]:
        row = [place]
        for n in shots:
            found = [cell.get((place, n, name)) for name in names]
            best = max((f for f in found if f is not None), default=None)
            row += ["-" if f is None else f"**{f:.3f}**" if f == best else f"{f:.3f}" for f in found]
        rows.append(row)
    yield from table(["set", *(f"{name}, {n}" for n in shots for name in names)], rows)


def verdicts(name: str, result: dict[str, Any]) -> Iterator[str]:
    """The lines on how far verdicts and confidence can be trusted."""
    together = result["together"]
    same, foreign = result["absent_same_set"], result["absent_foreign"]
    yield f"## Verdicts: {name}"
    yield ""
    yield f"{together['answers']} answers, {result['with_thing']} of them to queries that show the thing; pack "
    yield f"{result['pack']} `{result['pack_digest'][:12]}`, commit `{result['commit']}`. The confidence was fitted on"
    yield "the training sets alone (`cuecast.training.calibrate`)."
    yield ""
    yield from table(
        ["figure", "value"],
        [
            ["AUROC of the confidence for an IoU of at least 0.5", _figure(together["auroc"])],
            ["expected calibration error, ten bins", _figure(together["error"])],
            [
                f"called absent, of {same['queries']} queries without the thing, same set",
                _figure(same["share"]),
            ],
            [f"called absent, of {foreign['queries']} queries of a foreign set", _figure(foreign["share"])],
            ["good masks (IoU of at least 0.5) that were called absent", _figure(together["lost"])],
            ["mean IoU gained by keeping the 70 % most confident", f"{result['gain']:+.3f}"],
            *(
                [f"mean IoU of the {v['answers']} answers called {k}", f"{v['iou']:.3f}"]
                for k, v in result["verdicts"].items()
                if v["answers"]
            ),
        ],
    )
    told = "Left: mean IoU by confidence. Right: mean IoU of the most confident answers."
    yield f"![{told}](images/{verdicts_name(name)})"
    yield ""


def sparse(name: str, result: dict[str, Any]) -> Iterator[str]:
    """The lines on sparse cues: what they reach, and how far their confidence can be trusted."""
    yield f"## Sparse cues: {name}"
    yield ""
    yield "`benchmarks/sparse.py`: one cue, marked by simulated points, strokes or boxes ('against': with one or two"
    yield "'not this'). Asked are the marked picture, another one, and the frames of a video after the marked one. Pack"
    yield f"{result['pack']} `{result['pack_digest'][:12]}`, commit `{result['commit']}`."
    yield ""
    asked = list(dict.fromkeys(f["asked"] for f in result["forms"]))
    cell = {(f["asked"], f["form"]): f"{f['iou']:.3f}" for f in result["forms"]}
    forms = dict.fromkeys(f["form"] for f in result["forms"])
    yield from table(
        ["IoU", *asked], [[form, *(cell.get((where, form), "-") for where in asked)] for form in forms]
    )
    yield from table(
        ["asked", "marks", "answers", "IoU", "confidence", "calibration error", "IoU of 'found'"],
        [
            [
                k["asked"],
                k["marks"],
                str(k["answers"]),
                f"{k['iou']:.3f}",
                f"{k['confidence']:.3f}",
                f"{k['error']:.3f}",
                f"{_figure(k['found_iou'])} ({k['found']})",
            ]
            for k in result["kinds"]
        ],
    )


def negatives(name: str, result: dict[str, Any]) -> Iterator[str]:
    """The lines on whether showing where the thing is not lowers false finds."""
    yield f"## Negatives: {name}"
    yield ""
    yield "`benchmarks/negatives.py`: queries without the thing, answered by the cues alone, with one or two *other*"
    yield "images without it shown as 'absent', and with up to five class-0 points on what the cues alone mark on one"
    yield "of these. Marked area: the share of a query without the thing that the answer marks, and that its scores"
    yield "mark before the verdict empties the mask. The same concepts also answer one query each that does hold the"
    yield "thing: IoU, and how many of these are called absent."
    yield f"Pack {result['pack']} `{result['pack_digest'][:12]}`, commit `{result['commit']}`, seed {result['seed']}."
    yield ""
    for where, ways in result["figures"].items():
        first = next(iter(ways.values()))
        yield f"### {where[0].upper()}{where[1:]} ({name})"
        yield ""
        yield f"{first['queries']} queries, with cues of {result['sets'][where]} sets; there were false finds to put"
        yield f"points on in {first['corrected']} cases."
        yield ""
        yield from table(
            [
                "way",
                "called absent",
                "newly / no longer",
                "marked area",
                "before the verdict",
                "IoU with the thing",
                "of these called absent",
            ],
            [
                [
                    way,
                    _figure(f["absent"]),
                    f"{f['newly']} / {f['no_longer']}",
                    _figure(f["area"]),
                    _figure(f["scored"]),
                    _figure(f["iou"]),
                    _figure(f["lost"]),
                ]
                for way, f in ways.items()
            ],
        )


def cue_check(name: str, result: dict[str, Any]) -> Iterator[str]:
    """The lines on how often `cues check` finds a bad cue among five."""
    counts = result["counts"]
    bad = sum(n for kind, n in counts.items() if kind != "clean")
    yield f"## Bad cues: {name}"
    yield ""
    yield "`benchmarks/cue_check.py`: of five cues one gets a bad mask, and `cuecast cues check` is asked. The mask of"
    yield "another thing is that of another class on the picture, or, where the set has none there, of another picture."
    yield f"{sum(counts.values())} trials over {len({t['set'] for t in result['trials']})} sets; pack "
    yield f"{result['pack']} `{result['pack_digest'][:12]}`, commit `{result['commit']}`, seed {result['seed']}."
    yield ""
    kinds = {
        "shifted": "shifted by a quarter of the image",
        "inverted": "inverted",
        "other": "the mask of another thing",
    }
    yield from table(
        ["figure", "trials", "share"],
        [
            ["the bad cue is flagged", str(bad), _figure(result["found"])],
            *(
                [f"the same, {words}", str(counts[kind]), _figure(result["found_by_kind"][kind])]
                for kind, words in kinds.items()
                if counts.get(kind)
            ),
            [
                "the same, where the others predict the good mask with an IoU of at least 0.5",
                str(result["found_where_predicted"]["trials"]),
                _figure(result["found_where_predicted"]["share"]),
            ],
            ["a good cue is flagged beside a bad one", str(bad), _figure(result["beside"])],
            [
                "a cue is flagged where all are good",
                str(counts.get("clean", 0)),
                _figure(result["false_alarms"]),
            ],
        ],
    )


def suggestions(name: str, result: dict[str, Any]) -> Iterator[str]:
    """The lines on whether it pays to mark what `cuecast suggest` names."""
    found = result["means"]
    yield f"## What to mark next: {name}"
    yield ""
    yield "`benchmarks/suggest.py`: of a set, a pool of pictures, one of them marked; then what `cuecast suggest` names"
    yield "in the pool is marked, or random pictures of it. 'rest' is the mean IoU on what is left of the pool, 'held'"
    yield "that on pictures outside of it, which are the same for both."
    yield f"{found['runs']} runs over {found['sets']} sets, pools of {result['pool']}; pack {result['pack']} "
    yield f"`{result['pack_digest'][:12]}`, commit `{result['commit']}`."
    yield ""
    yield from table(
        ["way", "mean IoU on", *(f"{n} marked" for n in result["marks"])],
        [
            [way, where, *(f"{v:.3f}" for v in found[way][where])]
            for where in ("rest", "held")
            for way in ("suggested", "random")
        ],
    )
    yield f"![Mean IoU against the number of marked pictures, suggested and random ones.](images/{name}.png)"
    yield ""


def objects(name: str, result: dict[str, Any]) -> Iterator[str]:
    """The lines on how things are told apart on pictures with ids."""
    count = max(m["episodes"] for m in result["means"])
    yield f"## Objects: {name}"
    yield ""
    yield f"`cuecast eval EPISODES.jsonl --objects -o OUT`: {count} episodes whose cues and queries say which pixels"
    yield "are whose. All tell the same mask apart: into its connected components, by a watershed of distances at the"
    yield "size that the cues show, and as cuecast does. F1, precision and recall at an IoU of 0.5; AP, the mean of"
    yield "TP / (TP + FP + FN) over IoUs of 0.5 to 0.95; PQ, panoptic quality; count error, share of the true number."
    yield f"Pack {result['pack']} `{result['pack_digest'][:12]}`, commit `{result['commit']}`."
    yield ""
    figures = ("f1", "precision", "recall", "ap", "pq", "count_error", "seconds")
    yield from table(
        ["set", "method", "F1", "precision", "recall", "AP", "PQ", "count error", "s/image"],
        [
            [m["set"], m["method"], *(f"{m[f]:.3f}" for f in figures)]
            for m in (*result["sets"], *result["means"])
        ],
    )


def drawn_objects(name: str, result: dict[str, Any]) -> Iterator[str]:
    """The lines on drawn things that touch, whose truth is exact."""
    yield f"## Drawn objects: {name}"
    yield ""
    yield f"`benchmarks/objects_drawn.py --cues {result['cues']}`: {result['pictures']} pictures a kind of about"
    yield f"{result['things']} things of one colour, which touch or overlap by up to a quarter; {result['cues']} more"
    yield "with their ids as cues. Seconds of the processor an answer."
    yield ""
    yield from table(
        ["kind", "way", "count error", "F1", "s/image"],
        [
            [r["kind"], r["way"], f"{r['count_error']:.1%}", f"{r['f1']:.3f}", f"{r['seconds']:.3f}"]
            for r in result["results"]
        ],
    )


def seconds_by_part(name: str, result: dict[str, Any]) -> Iterator[str]:
    """The lines on where the seconds of an answer go."""
    machine, (height, width) = result["machine"], result["size"]
    one, together = result["one"], result["all"]
    yield f"## Parts of an answer: {name}"
    yield ""
    yield f"`benchmarks/parts.py`: seconds of the processor on one thread, pictures of {width} x {height}, one cue;"
    yield f"one class (the mean of {result['classes']}), and all together. Parts are those of 'segment'."
    yield f"Pack {result['pack']} `{result['pack_digest'][:12]}`, commit `{result['commit']}`; {machine['cpu']}."
    yield ""
    names = list(one)
    yield from table(
        ["part", "one class", f"{result['classes']} classes", "times"],
        [[n, f"{one[n]:.3f}", f"{together[n]:.3f}", f"{together[n] / max(one[n], 1e-4):.1f}"] for n in names],
    )


def waits(name: str, result: dict[str, Any]) -> Iterator[str]:
    """The lines on what a person waits for in the studio."""
    machine, side = result["machine"], result["side"]
    first, click, cards = (result[part] for part in ("first_masks", "corrections", "gallery"))
    yield f"## The studio: {name}"
    yield ""
    yield f"`benchmarks/studio.py`: headless Chromium beside the service, pictures of {side} x {side}. Seconds until"
    yield f"a run of {result['count']} pictures begins are counted from the first click on. A picture is looked at for"
    yield f"{click['look']:g} s before its first correction. {cards['pictures']} that nobody has seen yet are scrolled"
    yield f"at {cards['speed']:g} pixels a second; a card that was left before its picture came has none within 0.3 s."
    yield f"Pack {result['pack']} `{result['pack_digest'][:12]}`, commit `{result['commit']}`; {machine['cpu']},"
    yield f"{machine['cores']} cores."
    yield ""
    rows = [
        ("clicks from opening the page to the first masks", f"{first['clicks']}"),
        ("until the run begins, s", f"{first['before_the_run']:.2f}"),
        ("from there to the first mask, s", f"{first['first']:.2f}"),
        ("from there to all masks, s", f"{first['all']:.2f}"),
        (f"a correction, median of {click['clicks']}, s", f"{click['median']:.3f}"),
        ("a correction, worst, s", f"{click['worst']:.3f}"),
        ("the first correction of a picture, median, s", f"{click['median_of_first']:.3f}"),
        ("the first correction of a picture, worst, s", f"{click['worst_of_first']:.3f}"),
        ("a card in sight to its picture, median, s", f"{cards['median']:.3f}"),
        ("a card in sight to its picture, 99 of 100, s", f"{cards['p99']:.3f}"),
        ("a card in sight to its picture, worst, s", f"{cards['worst']:.3f}"),
        ("cards with their picture within 0.3 s", f"{cards['within_0.3']:.1%}"),
        ("longest time without a new frame, s", f"{cards['longest_frame']:.3f}"),
        ("at the end of what is loaded, s", f"{cards['end_of_list']:.2f}"),
    ]
    yield from table(["figure", "measured"], rows)


def others(timings: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What was not measured here, or not for accuracy."""
    yield "## Published, and measured for speed only"
    yield ""
    yield "Published figures are quoted from their papers: other pictures, other cues, another machine. SegGPT is"
    yield "transformers' implementation with random weights, which take the time of trained ones and say nothing of"
    yield "its accuracy; it is timed by `benchmarks/seggpt_speed.py`, in turn with cuecast on the same cores."
    yield ""
    rows = [
        [
            p.method,
            "published",
            f"{p.parameters:g} M parameters; Dice {p.dice:.2f} on {p.data}, {p.shots} cues",
            p.source,
        ]
        for p in PUBLISHED
    ]
    for t in timings:
        if not t["tiny"]:
            told = f"{t['side']} x {t['side']}, one cue; {t['machine']['cpu']}, {t['machine']['cores']} cores"
            rows.append(
                ["SegGPT", "random weights, speed only", f"{t['seggpt_seconds']:.1f} s an image", told]
            )
            rows.append(["cuecast", "timed beside it", f"{t['cuecast_seconds']:.2f} s an image", told])
    if len(rows) == len(PUBLISHED):
        rows.append(["SegGPT", "random weights, speed only", "not timed yet", "benchmarks/seggpt_speed.py"])
    yield from table(["method", "kind of figure", "figure", "source or machine"], rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Markdown, and an empty line after it."""
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def shots_of(baselines: Sequence[dict[str, Any]]) -> list[int]:
    """The numbers of cues that occur, ascending."""
    return sorted({s["shots"] for p in baselines for s in p["means"]})


def curves_name(name: str) -> str:
    """File name of a result's curves."""
    return f"benchmarks-{name}.png"


def verdicts_name(name: str) -> str:
    """File name of the picture of a result on verdicts."""
    return f"{name}.png"


def draw_verdicts(result: dict[str, Any], path: Path) -> Path:
    """Reliability diagram and risk-coverage curve, as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    bins, kept = result["together"]["bins"], result["together"]["kept"]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4), layout="constrained")
    left.plot([0, 1], [0, 1], "--", color="grey", label="as it should be")
    left.plot([b["confidence"] for b in bins], [b["iou"] for b in bins], "o-", label="measured")
    for b in bins:
        left.annotate(
            str(b["answers"]), (b["confidence"], b["iou"]), (4, -10), textcoords="offset points", fontsize=8
        )
    left.set(xlabel="confidence (with the number of answers)", ylabel="mean IoU", xlim=(0, 1), ylim=(0, 1))
    left.legend()
    right.plot([share for share, _ in kept], [iou for _, iou in kept], "o-")
    right.set(
        xlabel="share of answers kept, most confident first", ylabel="mean IoU", xlim=(0, 1), ylim=(0, 1)
    )
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
    return path


def draw_curves(result: dict[str, Any], path: Path) -> Path:
    """Mean IoU against the number of cues (log axis), one curve a method on masks, as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    baselines = [p for p in result["baselines"] if p["cues"] == "masks"]
    shots = shots_of(baselines)
    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for baseline in baselines:
        axes.plot(
            [s["shots"] for s in baseline["means"]],
            [s["iou"] for s in baseline["means"]],
            "o-",
            label=baseline["title"],
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(shots, [str(n) for n in shots])
    axes.set_xlabel("cues")
    axes.set_ylabel("IoU, mean over the sets")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
    return path


def draw_suggestions(result: dict[str, Any], path: Path) -> Path:
    """Mean IoU against the number of marked pictures, on the rest and on held-out pictures, as a PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
    titles = {"rest": "the rest of the pool", "held": "held-out pictures"}
    for ax, (where, title) in zip(axes, titles.items(), strict=True):
        for way in ("suggested", "random"):
            ax.plot(result["marks"], result["means"][way][where], "o-", label=way)
        ax.set_xscale("log", base=2)
        ax.set_xticks(result["marks"], [str(n) for n in result["marks"]])
        ax.set(title=title, xlabel="marked pictures")
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("mean IoU over the sets")
    axes[0].legend()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
    return path


def pictures(folder: Path = RESULTS, images: Path = HERE / "images") -> list[Path]:
    """Draw the curves of every result that has enough numbers of cues, those on verdicts and on what to mark next."""
    drawn = [draw_verdicts(r, images / verdicts_name(name)) for name, r in read(folder, "verdicts").items()]
    drawn += [draw_suggestions(r, images / f"{name}.png") for name, r in read(folder, "suggest").items()]
    for name, result in read(folder, KIND).items():
        if len(shots_of([p for p in result["baselines"] if p["cues"] == "masks"])) >= CURVE_SHOTS:
            drawn.append(draw_curves(result, images / curves_name(name)))
    return drawn


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _figures(score: dict[str, Any]) -> list[str]:
    return [
        str(score["shots"]),
        *(f"{score[k]:.3f}" for k in ("iou", "dice", "learn_seconds", "seconds")),
        str(score["episodes"]),
    ]


if __name__ == "__main__":
    for path in pictures():
        print(path)
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
