"""Notes: what a person should know of how an input was understood, where nothing failed.

Readers say it with `give_note`, wherever they are called from. A door that shows notes in its own way receives them
with `notes_to`; everywhere else they are Python warnings of the category `CuecastWarning`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cuecast.core.errors import CuecastWarning

Receiver = Callable[[str], object]
"""Called with the text of a note: which file, how it was understood, and what to do if that is wrong."""

_receiver: ContextVar[Receiver | None] = ContextVar("receiver of notes", default=None)


def give_note(text: str) -> None:
    """Say something of an input that can be used."""
    receive = _receiver.get()
    if receive is None:
        warnings.warn(text, CuecastWarning, stacklevel=2)
    else:
        receive(text)


@contextmanager
def notes_to(receive: Receiver) -> Iterator[None]:
    """What is noted inside goes to `receive`, each text once; what that notes itself goes to who received before."""
    said: set[str] = set()
    before = _receiver.get()

    def once(text: str) -> None:
        if text not in said:
            said.add(text)
            with _received_by(before):
                receive(text)

    with _received_by(once):
        yield


@contextmanager
def _received_by(receiver: Receiver | None) -> Iterator[None]:
    token = _receiver.set(receiver)
    try:
        yield
    finally:
        _receiver.reset(token)
