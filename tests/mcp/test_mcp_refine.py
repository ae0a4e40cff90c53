"""An agent refines a pack call by call, keeps or drops it, and takes packs in and gives them out."""

from __future__ import annotations

from pathlib import Path

import pytest
from agent import Agent, drive
from pictures import write_square
from small_packs import coin_pack

pytest.importorskip("torch")
pytest.importorskip("onnx")

from quick_refine import quicken, raw_pack

from cuecast.engine.packs import named_pack
from cuecast.mcp.desk import open_roots
from cuecast.mcp.server import build_server
from cuecast.training import needed


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packs are installed: 'raw' of random weights, and 'coins'."""
    monkeypatch.setenv("CUECAST_PACKS", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


def test_a_pack_is_refined_call_by_call_and_kept(
    shelf: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw_pack(shelf)
    quicken(monkeypatch)
    monkeypatch.setattr("cuecast.training.refine_compare.Comparison.faults", ("it gains +0.001 IoU",))
    for i in range(10):
        write_square(root / "slides", f"{i:02}", i, square=i % 5 != 4)
    asked = {"data": ["slides"], "output": "sector", "base": "raw", "minutes": 20, "classes": ["square"]}

    async def job(agent: Agent) -> None:
        asked_of = []
        for _ in range(4):  # each call gets on by a step at least, however short it is
            said = await agent.ask("refine", **asked, seconds=1)
            if said["finished"]:
                break
            assert (said["better"], said["step"] is None) == (None, False)
            asked_of.append((said["step"], said["done"]))
        assert len(set(asked_of)) == len(asked_of)
        said = await agent.ask("refine", **asked, seconds=3600)
        assert said["finished"]
        assert (said["better"], said["concepts"]) == (False, ["square"])
        assert said["faults"]
        assert set(said["by_shots"]) == {"1"}
        assert "0" in said["curve"]
        assert (await agent.ask("refine", **asked)) == said  # it is there: nothing is done again
        refused = await agent.error("keep_refined", pack="sector")
        assert said["faults"][0] in refused
        kept = await agent.ask("keep_refined", pack="sector", anyway=True)
        assert (kept["name"], named_pack("sector").digest) == ("sector", kept["digest"])
        assert not (root / "sector").exists()
        found = await agent.ask("preview", image="slides/images/00.png", concept="square", pack="sector")
        assert found["size"] == [48, 48]
        # Another, which is dropped before it is finished.
        other = await agent.ask("refine", **asked | {"output": "other"}, seconds=1)
        if not other["finished"]:
            assert (root / ".other.refining").is_dir()
        await agent.ask("drop_refined", pack="other")
        assert not list(root.glob("*other*"))
        assert "no pack is there" in await agent.error("drop_refined", pack="other")
        assert "no pack is there" in await agent.error("drop_refined", pack="slides")

    drive(build_server(open_roots((root,)), "colours", installs=True), job)


def test_packs_go_out_and_come_in_where_that_is_allowed(shelf: Path, root: Path) -> None:
    pack = coin_pack(shelf)

    async def job(agent: Agent) -> None:
        written = await agent.ask("export_pack", pack="coins", output="coins.zip")
        assert (written["digest"], written["file"]) == (pack.digest, str(root / "coins.zip"))
        pack.folder.rename(shelf.parent / "away")
        assert (await agent.ask("import_pack", file="coins.zip"))["concepts"] == ["red"]
        assert named_pack("coins").digest == pack.digest
        assert "ends in .zip" in await agent.error("export_pack", output="coins.txt")
        assert "outside" in await agent.error("export_pack", output="/tmp/coins.zip")
        (root / "bad.zip").write_bytes(b"no zip")
        assert "bad.zip" in await agent.error("import_pack", file="bad.zip")
        assert "not one that was refined" in await agent.error("drop_refined", pack=str(root / "no"))

    (root / "no").mkdir()
    (root / "no/card.json").write_bytes((pack.folder / "card.json").read_bytes())
    drive(build_server(open_roots((root,)), "colours", installs=True), job)

    async def refused(agent: Agent) -> None:
        for tool, words in (
            ("export_pack", {"output": "a.zip"}),
            ("import_pack", {"file": "coins.zip"}),
            ("keep_refined", {"pack": "no"}),
        ):
            assert "cuecast mcp --packs" in await agent.error(tool, **words)

    drive(build_server(open_roots((root,)), "colours"), refused)


def test_what_cannot_be_refined_is_said(shelf: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    coin_pack(shelf)
    outside = root.parent / "secret.png"
    outside.write_bytes(b"")
    (root / "links").mkdir()
    (root / "links/a.png").symlink_to(outside)

    async def job(agent: Agent) -> None:
        said = await agent.error("refine", data=["links"], output="sector")
        assert "outside the folders" in said
        assert "has a mask" in await agent.error("refine", data=["photos"], output="sector")
        assert "outside" in await agent.error("refine", data=["photos"], output="/tmp/sector")
        find = needed.importlib.util.find_spec
        monkeypatch.setattr(
            needed.importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
        )
        said = await agent.error("refine", data=["photos"], output="sector")
        assert "pip install 'cuecast[train]'" in said

    drive(build_server(open_roots((root,)), "colours"), job)
