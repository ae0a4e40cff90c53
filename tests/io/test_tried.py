"""Writers of which one fails: the others have written, and all that failed are named in the end."""

from __future__ import annotations

import pytest

from cuecast.core.errors import ImageError, OutputError
from cuecast.io.files import all_tried


def fail(name: str) -> str:
    raise OutputError(f"{name}: no space")


def test_all_are_tried_and_those_that_failed_are_named() -> None:
    made = []
    with (
        pytest.raises(OutputError, match=r"^a: no space; c: no space \(all else is written\)$"),
        all_tried() as tried,
    ):
        made = [tried(lambda: fail("a")), tried(lambda: "b"), tried(lambda: fail("c"))]
    assert made == [None, "b", None]
    with all_tried() as tried:
        assert tried(lambda: 1) == 1


def test_other_errors_are_not_kept_back() -> None:
    def unreadable() -> None:
        raise ImageError("x")

    def both() -> None:
        with all_tried() as tried:
            tried(lambda: fail("a"))
            tried(unreadable)

    with pytest.raises(ImageError):
        both()
