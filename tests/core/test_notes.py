"""Notes: warnings where nobody receives them, once where somebody does."""

from __future__ import annotations

import threading

import pytest

from cuecast import cli
from cuecast.core.errors import CuecastWarning
from cuecast.core.notes import give_note, notes_to


def test_a_note_is_a_warning_where_nobody_receives_it() -> None:
    with pytest.warns(CuecastWarning, match="a is read as b"):
        give_note("a is read as b")


def test_a_note_is_received_once() -> None:
    found: list[str] = []
    with notes_to(found.append):
        for text in ("a", "b", "a"):
            give_note(text)
    assert found == ["a", "b"]
    with pytest.warns(CuecastWarning):
        give_note("a")


def test_a_receiver_may_pass_a_note_on_in_other_words() -> None:
    found: list[str] = []
    with notes_to(found.append), notes_to(lambda text: give_note(text.replace("/tmp/x", "masks/a.json"))):
        give_note("/tmp/x: read")
    assert found == ["masks/a.json: read"]


def test_notes_of_another_thread_are_its_own() -> None:
    found: list[str] = []
    seen: list[str] = []

    def work() -> None:
        with notes_to(seen.append):
            give_note("theirs")

    with notes_to(found.append):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        give_note("mine")
    assert (found, seen) == (["mine"], ["theirs"])


def test_the_command_prints_notes_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(*_: object, **__: object) -> int:
        give_note("x.json: one thing\nand another")
        return 0

    monkeypatch.setattr(cli, "app", command)
    assert cli.run(["segment"]) == 0
    assert capsys.readouterr().err == "cuecast: note: x.json: one thing and another\n"
