"""What an agent may send that is wrong: each refused by a sentence that says where, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from agent import CUE, Agent, drive, server
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cuecast.core.arguments import sentence
from cuecast.mcp.server import TOOLS

FUZZ = settings(
    max_examples=25, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)
LONG = "a" * 300
WRONG = (
    LONG,
    f"photos/{LONG}/a.png",
    "a/" * 3000,
    "photos/\0.png",
    "\ud800",
    "photos/\udcff.png",
    "",
    "é" * 128,
)
paths = st.one_of(
    st.sampled_from(WRONG),
    st.text(max_size=12),
    st.text("ab./\\*?[]~$%\n\t\0é\U0001f600", max_size=300),
    st.binary(max_size=8).map(lambda b: b.decode("utf-8", "surrogateescape")),
)


def calls(path: str) -> list[tuple[str, dict[str, Any]]]:
    """Every argument that is a path, or becomes a part of one."""
    cue = {**CUE, "image": path}
    return [
        ("new_cueset", {"cueset": path, "cues": [CUE]}),
        ("new_cueset", {"cueset": "x", "cues": [cue]}),
        ("new_cueset", {"cueset": "x", "cues": [{**CUE, "mask": path}]}),
        ("add_cues", {"cueset": path, "cues": [CUE]}),
        ("show_cueset", {"cueset": path}),
        ("suggest_images", {"cueset": "set", "images": [path]}),
        ("preview", {"cueset": "set", "image": path}),
        ("segment", {"cueset": "set", "images": [path], "output": "out"}),
        ("list_results", {"results": path}),
        ("measure", {"results": path}),
        ("show_result", {"results": path, "name": path}),
        ("export", {"results": path, "cueset": "set", "formats": ["csv"]}),
    ]


def is_sentence(said: str) -> bool:
    """Whether a refusal is in the library's words."""
    foreign = (
        "Input should",
        "validation error",
        "pydantic",
        "Errno",
        "Traceback",
        "Error executing",
        "codec",
    )
    return len(said) > 20 and not any(word in said for word in foreign)


def test_no_path_is_an_error_of_the_server(root: Path) -> None:
    """Whatever is given for a path is done or refused; a call that the SDK calls unexpected says nothing at all."""

    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE])
        for path in tried:
            for tool, arguments in calls(path):
                said = await agent.call(tool, **arguments)
                text = said.content[0].text  # type: ignore[union-attr]
                assert not said.is_error or is_sentence(text), (tool, ascii(path), text)

    tried: list[str] = list(WRONG)

    @FUZZ
    @given(paths)
    @example("photos")
    def gather(path: str) -> None:
        tried.append(path)

    gather()
    drive(server(root), job)


@pytest.mark.parametrize("path", WRONG)
def test_what_is_no_path_is_refused_with_its_reason(root: Path, path: str) -> None:
    async def job(agent: Agent) -> None:
        said = await agent.error("show_cueset", cueset=path)
        assert "this is no path" in said or "half of a character" in said
        assert len(said) < 500

    drive(server(root), job)


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("preview", {"cueset": 5, "image": "photos/a.png"}, "preview: cueset: text is expected"),
        ("preview", {"cueset": 6, "image": ["a"]}, "cueset: text is expected; image: text is expected"),
        ("segment", {"cueset": "s", "images": "photos", "output": "o"}, "images: a list is expected"),
        (
            "segment",
            {"cueset": "s", "images": ["p"], "output": "o", "limit": 0},
            "limit: it must be 1 or more",
        ),
        (
            "segment",
            {"cueset": "s", "images": ["p"], "output": "o", "limit": 999},
            "limit: it must be 500 or less",
        ),
        (
            "segment",
            {"cueset": "s", "images": ["p"], "output": "o", "limit": 1.5},
            "a whole number is expected",
        ),
        (
            "segment",
            {"cueset": "s", "images": ["p"], "output": "o", "seconds": "x"},
            "seconds: a number is expected",
        ),
        (
            "segment",
            {"cueset": "s", "images": ["p"], "output": "o", "recursive": "x"},
            "true or false is expected",
        ),
        (
            "segment",
            {"cueset": "s", "images": ["p"], "output": "o", "pixel_size": -1},
            "it must be more than 0",
        ),
        ("add_cues", {"cueset": "s", "cues": [{"boxes": []}]}, "cues[0].image: this is missing"),
        ("add_cues", {"cueset": "s", "cues": [5]}, "cues[0]: an object with named fields is expected"),
        (
            "add_cues",
            {"cueset": "s", "cues": [{"image": "i", "boxes": [{"xyxy": [1, 2, 3]}]}]},
            "cues[0].boxes[0].xyxy: it needs 4 or more entries, and has 3",
        ),
        (
            "add_cues",
            {"cueset": "s", "cues": [{"image": "i", "boxes": [{"xyxy": [1, 2, 1e9, 4]}]}]},
            "cues[0].boxes[0].xyxy[2]: it must be less than 1000000000",
        ),
        (
            "add_cues",
            {"cueset": "s", "cues": [{"image": "i", "scribbles": [{"path": [[1, 2], [-1e12, 4]]}]}]},
            "cues[0].scribbles[0].path[1][0]: it must be more than -1000000000",
        ),
        (
            "add_cues",
            {"cueset": "s", "cues": [{"image": "i", "scribbles": [{"path": [[1, 2]], "width": 1e300}]}]},
            "cues[0].scribbles[0].width: it must be 10000",
        ),
        (
            "add_cues",
            {"cueset": "s", "cues": [{"image": "i", "points": [{"xy": [1, 2], "class": [1]}]}]},
            "cues[0].points[0].class: a whole number is expected or text is expected",
        ),
        (
            "new_cueset",
            {"cueset": "x", "classes": ["a\ud800"]},
            "new_cueset: classes[0]: the text holds half of a",
        ),
        ("export", {"results": "r", "cueset": "s", "formats": ["svg"]}, "formats[0]: one of 'coco', 'yolo'"),
    ],
)
def test_arguments_are_refused_in_our_words(
    root: Path, tool: str, arguments: dict[str, Any], said: str
) -> None:
    async def job(agent: Agent) -> None:
        told = await agent.error(tool, **arguments)
        assert said in told
        assert is_sentence(told)

    drive(server(root), job)


def test_every_tool_refuses_in_our_words(root: Path) -> None:
    async def job(agent: Agent) -> None:
        for entry in TOOLS:
            told = await agent.error(entry.name, nonsense=[{"deep": 1}])
            assert told.startswith(f"{entry.name}: ")
            assert "nonsense: there is no such field" in told
            assert is_sentence(told)

    drive(server(root), job)


@pytest.mark.parametrize("output", ["photos", "photos/.", "link", ".", "set"])
def test_the_folder_of_the_inputs_is_no_output(root: Path, output: str) -> None:
    (root / "link").symlink_to(root / "photos")

    async def job(agent: Agent) -> None:
        await agent.ask("new_cueset", cueset="set", cues=[CUE])
        images = ["photos/a.png"] if output != "." else ["top.png"]
        (root / "top.png").write_bytes((root / "photos" / "a.png").read_bytes())
        before = sorted(root.rglob("*"))
        for given_images in (images, ["photos"]) if output not in (".", "set") else (images,):
            told = await agent.error("segment", cueset="set", images=given_images, output=output)
            assert "choose another output folder" in told
        assert sorted(root.rglob("*")) == before

    drive(server(root), job)


def test_a_long_list_of_errors_is_cut() -> None:
    errors = [{"type": "missing", "loc": (f"a{n}",), "msg": ""} for n in range(8)]
    assert sentence(errors).endswith("a4: this is missing; and 3 more")
    assert sentence([{"type": "new_kind", "loc": ("a", 0, "b"), "msg": "odd"}]) == "a[0].b: odd"
