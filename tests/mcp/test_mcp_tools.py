"""What single tools answer, and what they refuse."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from agent import CUE, Agent, Job, drive, server
from pictures import picture
from PIL import Image
from small_packs import coin_pack

from cuecast.cuesets.cueset import read_cueset, read_example
from cuecast.engine.colours import ColourSegmenter
from cuecast.engine.segmenter import ScoreMaps
from cuecast.mcp import pack_tools, result_tools
from cuecast.mcp.server import TOOLS

Run = Callable[[Job], None]


@pytest.fixture
def agent(root: Path) -> Run:
    """Lets an agent do a job on a server in this process."""
    return lambda job: drive(server(root), job)


def test_every_tool_is_typed_described_and_hinted(agent: Run) -> None:
    async def job(agent: Agent) -> None:
        tools = {t.name: t for t in (await agent.client.list_tools()).tools}
        assert list(tools) == [entry.name for entry in TOOLS]
        for entry in TOOLS:
            tool = tools[entry.name]
            assert tool.description
            assert "\n    " not in tool.description
            assert tool.output_schema is not None, entry.name
            assert tool.input_schema["additionalProperties"] is False
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint is entry.reads
            assert tool.annotations.destructive_hint is entry.replaces
            assert tool.annotations.open_world_hint is False
            for name, schema in tool.input_schema["properties"].items():
                assert schema.get("description"), (entry.name, name)
        assert [n for n, t in tools.items() if t.annotations and t.annotations.destructive_hint] == [
            "segment",
            "export",
            "keep_refined",
            "drop_refined",
            "import_pack",
            "export_pack",
        ]

    agent(job)


def test_packs_and_roots(agent: Run, root: Path) -> None:
    async def job(agent: Agent) -> None:
        said = await agent.ask("list_packs")
        defaults = {p["name"]: p["default"] for p in said["packs"]}
        assert defaults.pop("colours")
        assert defaults == dict.fromkeys(("documents", "education", "general"), False)
        assert said["roots"] == [str(root)]

    agent(job)


def test_what_the_card_of_a_pack_says(agent: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "shelf"))
    pack = coin_pack(tmp_path / "shelf")

    async def job(agent: Agent) -> None:
        listed = await agent.ask("list_packs")
        (found,) = (p for p in listed["packs"] if p["name"] == "coins")
        assert (found["concepts"], found["digest"], found["base"]) == (["red"], pack.digest, "colours")
        shown = await agent.ask("show_pack", pack="coins")
        assert shown["limits"] == ["Round things only."]
        assert shown["data_licences"] == ["CC-BY-4.0"]
        assert [(c["name"], c["cues"]) for c in shown["concepts"]] == [("red", 1)]
        assert (await agent.ask("show_pack"))["default"]
        assert "no pack '../shelf'" in await agent.error("show_pack", pack="../shelf")

    agent(job)


def test_where_weights_are_missing_is_not_told(
    agent: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "far" / "away"
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "shelf"))
    folder = tmp_path / "shelf" / "large"
    folder.mkdir(parents=True)
    weights = {"folder": str(place), "files": {"config.json": "0" * 64}}
    card = {"version": 1, "name": "large", "segmenter": "dino", "files": {}, "weights": weights}
    (folder / "card.json").write_text(json.dumps(card))

    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE], classes=["red"])
        said = await agent.error("preview", image="photos/b.png", cueset="set", pack="large")
        assert "config.json of its weights is not" in said
        assert "make the pack anew" in said
        assert "away" not in said

    agent(job)


def test_a_concept_of_a_pack_stands_in_place_of_a_cue_set(
    agent: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "shelf"))
    coin_pack(tmp_path / "shelf")
    ready = {"concept": "red", "pack": "coins"}

    async def job(agent: Agent) -> None:
        assert (await agent.ask("preview", image="photos/b.png", **ready))["verdict"] == "found"
        made = await agent.ask("segment", images=["photos"], output="out", **ready)
        assert made["finished"]
        written = await agent.ask("export", results="out", formats=["coco"], **ready)
        assert written["images"] == made["total"]
        assert (await agent.ask("check_cues", **ready))["usable"]
        assert (await agent.ask("suggest_images", images=["photos"], **ready))["of"] == made["total"]
        for tool, more in (("check_cues", {}), ("preview", {"image": "photos/b.png"})):
            assert "give one of them" in await agent.error(tool, cueset="set", **ready, **more)
            assert "nothing shows the thing" in await agent.error(tool, **more)
            said = await agent.error(tool, concept="blue", pack="coins", **more)
            assert "no concept 'blue'; its concepts are: red" in said
            assert "its concepts are: none" in await agent.error(tool, concept="red", **more)

    agent(job)


@pytest.mark.parametrize(
    "cue",
    [
        {"boxes": [{"xyxy": [0, 0, 3, 4]}]},
        {"points": [{"xy": [1, 1], "class": "red"}, {"xy": [5, 1], "class": 0}]},
        {"scribbles": [{"path": [[0, 0], [2, 3]], "width": 1}, {"path": [[7, 0], [7, 3]], "class": 0}]},
        {"polygons": [{"path": [[0, 0], [3, 0], [3, 4], [0, 4]], "class": 1}]},
        {"mask": "marks/a.png", "value": [1]},
    ],
    ids=lambda c: next(iter(c)),
)
def test_every_kind_of_cue_finds_the_red(agent: Run, cue: dict[str, Any]) -> None:
    async def job(agent: Agent) -> None:
        made = await agent.ask(
            "new_cueset", cueset="set.zip", cues=[{"image": "photos/a.png", **cue}], classes=["red"]
        )
        assert made["cues"][0]["kinds"] == [next(iter(cue))]
        seen = await agent.ask("preview", cueset="set.zip", image="photos/d.png")
        assert (seen["verdict"], seen["areas"]) == ("found", {"1": 16})

    agent(job)


def test_what_of_a_label_file_is_passed_over_is_noted(agent: Run, root: Path) -> None:
    thing = {"label": "red", "points": [[0, 0], [3, 0], [3, 4], [0, 4]]}
    shapes = [thing, {"label": "red", "points": [[1, 1]]}]
    (root / "marks/a.json").write_text(json.dumps({"shapes": shapes}))

    async def job(agent: Agent) -> None:
        cue = {"image": "photos/a.png", "mask": "marks/a.json"}
        made = await agent.ask("new_cueset", cueset="set.zip", cues=[cue], classes=["red"])
        (note,) = made["notes"]
        assert note.endswith("a polygon of less than three points (shape 2)")
        assert (await agent.ask("add_cues", cueset="set.zip", cues=[CUE], replace_all=True))["notes"] == []

    agent(job)


def test_numbers_of_objects_are_one_class_and_objects_lie_beside_a_mask(agent: Run, root: Path) -> None:
    numbers = np.array(Image.open(root / "marks/a.png")) > 0
    numbers = np.cumsum(numbers, axis=1) * numbers
    Image.fromarray(numbers.astype(np.uint16)).save(root / "marks/ids.png")

    async def job(agent: Agent) -> None:
        given = {"beside": CUE | {"objects": "marks/ids.png"}, "mask": CUE | {"mask": "marks/ids.png"}}
        for name, cue in given.items():
            await agent.ask("new_cueset", cueset=name, cues=[cue], classes=["red"])
            cueset = read_cueset(root / name)
            marks = read_example(cueset, cueset.entries[0]).marks
            assert np.array_equal(marks.objects, numbers)
            assert marks.class_ids == (1,)
        outside = CUE | {"objects": "../ids.png"}
        assert "is refused" in await agent.error("add_cues", cueset="mask", cues=[outside])

    agent(job)


def test_marks_may_come_as_text_of_json(agent: Run) -> None:
    async def job(agent: Agent) -> None:
        made = await agent.ask("new_cueset", cueset="set", cues=json.dumps([CUE]))
        assert made["count"] == 1

    agent(job)


def test_classes_by_name(agent: Run) -> None:
    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE], classes=["red"])
        blue = {"image": "photos/b.png", "points": [{"xy": [7, 0], "class": "blue"}]}
        said = await agent.error("add_cues", cueset="set", cues=[blue])
        assert "photos/b.png: class 'blue' is unknown, known are 1 (red)" in said
        added = await agent.ask("add_cues", cueset="set", cues=[blue], new_classes=["blue"])
        assert [(c["id"], c["name"]) for c in added["classes"]] == [(1, "red"), (2, "blue")]
        box = {"image": "photos/b.png", "boxes": [{"xyxy": [0, 0, 1, 1], "class": 0}]}
        assert "class 0 is unknown" in await agent.error("add_cues", cueset="set", cues=[box])

    agent(job)


def test_a_cue_set_is_not_made_where_a_cue_cannot_be_used(agent: Run, root: Path) -> None:
    async def job(agent: Agent) -> None:
        outside = {"image": "photos/a.png", "boxes": [{"xyxy": [0, 0, 30, 4]}]}
        assert "reaches outside the image" in await agent.error(
            "new_cueset", cueset="set", cues=[CUE, outside]
        )
        both = [CUE, {"image": "photos/a.png", "absent": True}]
        assert "says the opposite" in await agent.error("new_cueset", cueset="set", cues=both)
        assert not (root / "set").exists()
        await agent.ask("new_cueset", cueset="set")
        assert "there is something already" in await agent.error("new_cueset", cueset="set")

    agent(job)


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        (
            "preview",
            {"cueset": "set", "image": "photos/a.png", "pictures": True},
            "pictures: there is no such field. Arguments of preview: cueset, concept,",
        ),
        ("preview", {"cueset": "set"}, "preview: image: this is missing"),
        (
            "new_cueset",
            {"cueset": "x", "cues": [{**CUE, "box": [1, 2, 3, 4]}]},
            "cues[0].box: there is no such field",
        ),
        ("new_cueset", {"cueset": "x", "classes": []}, "classes: it needs 1 or more entries, and has 0"),
        ("segment", {"cueset": "set", "images": [], "output": "out"}, "images: it needs 1 or more entries"),
        ("segment", {"cueset": "set", "images": ["none"], "output": "out"}, "no such file or folder below"),
        ("segment", {"cueset": "none", "images": ["photos"], "output": "out"}, "no such file or folder"),
        (
            "segment",
            {"cueset": "set", "images": ["photos"], "output": "out", "unit": "mm"},
            "belong together",
        ),
        ("segment", {"cueset": "set", "images": ["photos"], "output": "/tmp/out"}, "outside the folders"),
        ("segment", {"cueset": "set", "images": ["/etc"], "output": "out"}, "outside the folders"),
        ("segment", {"cueset": "set", "images": ["photos"], "output": "../out"}, "is refused"),
        ("preview", {"cueset": "set", "image": "photos/a.png", "pack": "shapes"}, "no pack 'shapes'"),
        ("preview", {"cueset": "set", "image": "photos/a.png", "pack": "/tmp"}, "no pack '/tmp'"),
        ("preview", {"cueset": "set", "image": "photos/a.png", "scale": "big"}, "'frame' or 'pixel'"),
        ("preview", {"cueset": "set", "image": "marks"}, "marks"),
        ("show_cueset", {"cueset": "photos"}, "no cues.json in it"),
        ("measure", {"results": "photos"}, "no results are there"),
        ("undo_cues", {"cueset": "set", "to": 99}, "there is no version 99"),
        ("export", {"results": "photos", "cueset": "set", "formats": ["svg"]}, "'coco'"),
    ],
)
def test_refusals_are_sentences(agent: Run, tool: str, arguments: dict[str, Any], said: str) -> None:
    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE])
        assert said in await agent.error(tool, **arguments)

    agent(job)


def test_a_threshold_may_be_given_for_all_classes_or_for_one(
    agent: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(_: Any, knowledge: Any, image: Any, own: Any = ()) -> ScoreMaps:  # noqa: ARG001
        return ScoreMaps(np.where(image.pixels[None, ..., 0] > 128, 0.6, 0.4).astype(np.float32))

    monkeypatch.setattr(ColourSegmenter, "score", score)

    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE], classes=["red"])
        wanted = {"cueset": "set", "image": "photos/b.png"}
        for given, area in ((None, 8), (0.3, 32), ({"red": 0.3}, 32), ({"red": 0.5}, 8)):
            seen = await agent.ask("preview", **wanted, threshold=given)
            assert seen["areas"] == {"1": area}, given
        for given in (0.3, 0.3, None):
            await agent.ask("segment", cueset="set", images=["photos"], output="out", threshold=given)
            entry = json.loads((root / "out" / "manifest.jsonl").read_text().splitlines()[-1])
            assert entry.get("thresholds") == ({"1": given} if given else None)
        assert "class 'blue', and the classes are red" in await agent.error(
            "preview", **wanted, threshold={"blue": 0.5}
        )
        for wrong, said in ((0, "threshold: it must be more than 0"), ("a=2", "a number is expected")):
            assert said in await agent.error("preview", **wanted, threshold=wrong)

    agent(job)


def test_a_picture_only_when_asked_and_small(agent: Run, root: Path) -> None:
    picture(root / "photos" / "large.png", 300, (900, 1800))

    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE])
        await agent.ask("segment", cueset="set", images=["photos"], output="out")
        calls: list[tuple[str, dict[str, Any]]] = [
            ("preview", {"cueset": "set", "image": "photos/large.png"}),
            ("show_result", {"results": "out", "name": "large"}),
            ("show_cueset", {"cueset": "set"}),
        ]
        for tool, arguments in calls:
            plain = await agent.call(tool, **arguments)
            assert [c.type for c in plain.content] == ["text"]
            shown = await agent.call(tool, **arguments, picture=True)
            assert [c.type for c in shown.content] == ["text", "image"]
            assert shown.structured_content is not None
            size = Image.open(io.BytesIO(base64.b64decode(shown.content[1].data))).size  # type: ignore[union-attr]
            assert max(size) <= 512
            if tool != "show_cueset":
                assert size == (512, 256)

    agent(job)


def test_lists_are_pages(agent: Run) -> None:
    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE])
        await agent.ask("add_cues", cueset="set", cues=[{"image": "photos/c.png", "absent": True}])
        first = await agent.ask("show_cueset", cueset="set", limit=1)
        assert (first["count"], first["next_offset"]) == (2, 1)
        second = await agent.ask("show_cueset", cueset="set", limit=1, offset=1)
        assert ([c["kinds"] for c in second["cues"]], second["next_offset"]) == ([["absent"]], None)
        assert "give a smaller offset" in await agent.error("show_cueset", cueset="set", offset=2)

        ask = {"cueset": "set", "images": ["photos"], "output": "out"}
        done = await agent.ask("segment", **ask, limit=1, provenance=True)
        assert Path(done["files"]["provenance"]).is_file()
        assert ([i["name"] for i in done["images"]], done["next_offset"]) == (["c"], 1)
        rest = await agent.ask("list_results", results="out", limit=3, offset=1)
        assert ([i["name"] for i in rest["images"]], rest["next_offset"]) == (["a", "b", "d"], None)
        found = await agent.ask("list_results", results="out", verdict="found", limit=2)
        assert ([i["name"] for i in found["images"]], found["next_offset"]) == (["a", "b"], 2)
        assert found["counts"]["absent"] == 1

        one = await agent.ask("measure", results="out", image="d.png")
        assert [(r["object"], r["area"]) for r in one["rows"]] == [(1, 16)]

    agent(job)


def test_a_broken_image_is_named_and_the_rest_is_done(agent: Run, root: Path) -> None:
    (root / "photos" / "b.png").write_bytes(b"no picture")

    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE])
        done = await agent.ask("segment", cueset="set", images=["photos"], output="out")
        assert done["counts"] == {"found": 2, "doubtful": 0, "absent": 1, "failed": 1}
        assert (done["images"][0]["name"], done["images"][0]["verdict"]) == ("b", "failed")
        assert done["images"][0]["image"].endswith("photos/b.png")
        assert done["images"][0]["error"].startswith("its content is not that of a known image format")

    agent(job)


def test_a_run_that_is_out_of_time_goes_on(agent: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(result_tools, "monotonic", lambda: next(clock))

    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE])
        ask = {"cueset": "set", "images": ["photos"], "output": "out"}
        first = await agent.ask("segment", **ask, seconds=30)
        assert (first["finished"], first["done"], first["total"], first["files"]) == (False, 2, 4, {})
        assert "objects.csv: is not there; go on with `segment`" in await agent.error(
            "measure", results="out"
        )
        second = await agent.ask("segment", **ask, seconds=3600)
        assert (second["finished"], second["done"], second["resumed"]) == (True, 4, 2)
        assert (root / "out" / "objects.csv").is_file()

    agent(job)


def test_figures_of_former_masks_are_not_told_as_those_of_the_present_ones(
    agent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(result_tools, "monotonic", lambda: next(clock))

    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE])
        ask = {"cueset": "set", "images": ["photos"], "output": "out"}
        await agent.ask("segment", **ask, seconds=3600)
        assert (await agent.ask("measure", results="out"))["classes"]
        more = {"image": "photos/b.png", "boxes": [{"xyxy": [0, 0, 1, 4], "class": 1}]}
        await agent.ask("add_cues", cueset="set", cues=[more])
        assert not (await agent.ask("segment", **ask, seconds=30))["finished"]
        assert "objects.csv: is older than the masks" in await agent.error("measure", results="out")
        await agent.ask("segment", **ask, seconds=3600)
        assert (await agent.ask("measure", results="out"))["classes"]

    agent(job)


def test_measures_in_units(agent: Run) -> None:
    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE], classes=["red"])
        ask = {"cueset": "set", "images": ["photos"], "output": "out", "pixel_size": 0.5, "unit": "mm"}
        await agent.ask("segment", **ask)
        red = (await agent.ask("measure", results="out"))["classes"][0]
        assert (red["area"], red["unit"], red["area_in_units"]) == (36, "mm", 9.0)
        assert (red["smallest"], red["largest"], red["mean_area"], red["touching_border"]) == (8, 16, 12, 3)

    agent(job)


def test_export_writes_what_a_run_writes(agent: Run, root: Path) -> None:
    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE], classes=["red"])
        await agent.ask("segment", cueset="set", images=["photos"], output="out")
        names = ("annotations.coco.json", "objects.csv", "overlays/d.jpg")
        before = {name: (root / "out" / name).read_bytes() for name in names}
        for name in names:
            (root / "out" / name).unlink()
        formats = ["coco", "csv", "overlays"]
        said = await agent.ask("export", results="out", cueset="set", formats=formats)
        assert said["images"] == 4
        assert {name: (root / "out" / name).read_bytes() for name in names} == before
        steps = [done for done, _ in agent.progress]
        assert steps == sorted(set(steps))
        assert agent.progress[-1] == (7, 7)

    agent(job)


def test_export_needs_the_cue_set_of_the_results(agent: Run, root: Path) -> None:
    async def job(agent: Agent) -> None:
        for name in ("set", "other"):
            await agent.ask("new_cueset", cueset=name, cues=[CUE], classes=[name])
        await agent.ask("segment", cueset="set", images=["photos"], output="out")
        said = await agent.error("export", results="out", cueset="other", formats=["coco"])
        assert f"was not made with the cue set {root / 'other'}" in said

    agent(job)


def test_a_manifest_that_leads_outside_is_refused(agent: Run, root: Path) -> None:
    secret = picture(root.parent / "secret.png", 1)

    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE])
        await agent.ask("segment", cueset="set", images=["photos/a.png"], output="out")
        manifest = root / "out" / "manifest.jsonl"
        line = json.loads(manifest.read_text(encoding="utf-8"))
        manifest.write_text(json.dumps({**line, "image": str(secret)}) + "\n", encoding="utf-8")
        said = await agent.error("show_result", results="out", name="a", picture=True)
        assert "outside the folders" in said
        said = await agent.error("export", results="out", cueset="set", formats=["overlays"])
        assert "outside the folders" in said
        manifest.write_text(json.dumps({**line, "name": "../../secret"}) + "\n", encoding="utf-8")
        said = await agent.error("show_result", results="out", name="../../secret")
        assert "do not use this folder" in said

    agent(job)


def test_cues_that_hurt_are_named(agent: Run, root: Path) -> None:
    """The cue on d marks blue for red: all others say otherwise."""
    picture(root / "photos" / "e.png", 5)
    cues = [
        {"image": f"photos/{name}.png", "polygons": [{"path": [[0, 0], [n, 0], [n, 4], [0, 4]]}]}
        for name, n in (("a", 3), ("b", 2), ("e", 5))
    ]

    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=cues)
        good = await agent.ask("check_cues", cueset="set", limit=1)
        assert (good["iou"], len(good["lowest"]), good["left_out"], good["flags"]) == (1.0, 1, 2, [])
        wrong = {
            "image": "photos/d.png",
            "polygons": [{"path": [[4, 0], [8, 0], [8, 4], [4, 4]]}],
        }
        await agent.ask("add_cues", cueset="set", cues=[wrong])
        bad = await agent.ask("check_cues", cueset="set")
        assert bad["iou"] < 1
        assert agent.progress[-1][0] == agent.progress[-1][1]

    agent(job)


def test_a_cancelled_call_stops_between_two_images(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gives up during the first image; the others are not begun, and what is done stays."""
    begun: list[str] = []
    segment = result_tools.Concept.segment

    def slow(concept: Any, image: Any, page: int | None = None) -> Any:
        begun.append(image.name)
        anyio.from_thread.run(gone.wait)
        return segment(concept, image, page)

    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE])
        monkeypatch.setattr(result_tools.Concept, "segment", slow)
        ask = {"cueset": "set", "images": ["photos"], "output": "out"}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: agent.call("segment", **ask))
            while not begun:
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
            gone.set()
        monkeypatch.setattr(result_tools.Concept, "segment", segment)
        done = await agent.ask("segment", **ask)
        assert (done["finished"], done["total"]) == (True, 4)

    gone = anyio.Event()
    drive(server(root), job)
    assert len(begun) == 1


def test_a_bug_says_nothing_of_itself(agent: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a path and a secret")

    monkeypatch.setattr(pack_tools, "list_packs", broken)

    async def job(agent: Agent) -> None:
        result = await agent.call("list_packs")
        assert result.is_error
        assert result.content[0].text == "Error executing tool list_packs"  # type: ignore[union-attr]

    agent(job)


def test_objects_are_told_apart_and_left_out_as_asked(agent: Run, root: Path) -> None:
    picture(root / "photos" / "wide.png", 8, (8, 16))
    ids = np.zeros((8, 16), np.uint8)
    ids[:, :4], ids[:, 4:8] = 1, 2
    Image.fromarray(ids).save(root / "marks" / "wide_ids.png")
    Image.fromarray(np.minimum(ids, 1) * 255).save(root / "marks" / "wide.png")
    cue = {"image": "photos/wide.png", "mask": "marks/wide.png", "objects": "marks/wide_ids.png"}

    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[cue], classes=["red"])
        asked = {"cueset": "set", "images": ["photos/wide.png"], "output": "out"}
        for way, number in (
            ({}, 2),
            ({"objects": "connected"}, 1),
            ({"objects": "split", "min_area": 33}, 0),
        ):
            done = await agent.ask("segment", **asked, **way)
            (image,) = done["images"]
            assert (image["objects"], image["counts"]) == (number, {"1": number} if number else {})
            seen = await agent.ask("preview", cueset="set", image="photos/wide.png", **way)
            assert seen["objects"] == number
            rows = (await agent.ask("measure", results="out"))["rows"]
            assert [0 <= row["confidence"] <= 1 for row in rows] == [True] * number
        await agent.ask("export", results="out", cueset="set", formats=["objects"])
        with Image.open(root / "out" / "objects" / "wide.png") as written:
            assert not np.asarray(written).any()
        for wrong in ({"objects": "apart"}, {"min_area": -1}, {"min_confidence": 2}):
            assert next(iter(wrong)) in await agent.error("segment", **asked, **wrong)

    agent(job)
