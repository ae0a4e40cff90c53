"""Colours of an object against those around it, by hand."""

from __future__ import annotations

import numpy as np

from cuecast.propagation.motion import CLIP, colour_logits, palette_of

SIZE = (40, 60)


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A red disc of 20 pixels on grey, with a far corner in red, too; and the mask of the disc."""
    rows, columns = np.indices(SIZE)
    mask = (rows - 20) ** 2 + (columns - 20) ** 2 <= 100
    seen = np.full((*SIZE, 3), 0.5, np.float32)
    seen[mask] = (0.9, 0.1, 0.1)
    seen[:5, 55:] = (0.9, 0.1, 0.1)
    return seen, mask


def test_own_colours_speak_for_it_those_around_it_against_and_others_not_at_all() -> None:
    seen, mask = scene()
    palette = palette_of(seen, mask)
    assert palette is not None
    for colour, said in (((0.9, 0.1, 0.1), CLIP), ((0.5, 0.5, 0.5), -CLIP), ((0.1, 0.1, 0.9), 0.0)):
        logits = colour_logits(palette, np.full((6, 8, 3), colour, np.float32), (12, 16))
        assert logits.shape == (12, 16)
        assert np.allclose(logits, said, atol=1e-3)


def test_what_lies_beyond_the_ring_is_not_asked() -> None:
    seen, mask = scene()
    palette = palette_of(seen, mask)
    assert palette is not None
    assert (colour_logits(palette, seen, SIZE)[1:4, 56:59] > CLIP - 1e-3).all()


def test_without_an_object_or_a_ring_there_is_no_palette() -> None:
    seen, mask = scene()
    assert palette_of(seen, np.zeros_like(mask)) is None
    assert palette_of(seen, np.ones_like(mask)) is None
