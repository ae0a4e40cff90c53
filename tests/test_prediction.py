from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from cuecast.core.errors import OutputError
from cuecast.core.values import ClassInfo, Image
from cuecast.prediction import Prediction


def test_uncertainty_is_highest_where_the_best_score_is_a_half(tmp_path: Path) -> None:
    scores = np.array([[[0.0, 0.5, 0.9]], [[0.0, 0.2, 1.0]]], np.float32)
    mask = np.array([[0, 1, 2]], np.int32)
    prediction = Prediction(
        Image(np.zeros((1, 3, 3), np.uint8)),
        mask,
        mask,
        scores,
        (ClassInfo(1, "a"), ClassInfo(2, "b")),
        "found",
        0.9,
        0.1,
    )
    assert prediction.uncertainty.tolist() == [[0, 1, 0]]
    for save in (prediction.save, prediction.save_uncertainty):
        with pytest.raises(OutputError, match=r"u\.jpg: is written as PNG, .*; name it u\.png"):
            save(tmp_path / "u.jpg")
        with pytest.raises(OutputError, match=r"u\.txt: is written as PNG, .*; name it u\.png"):
            save(tmp_path / "u.txt")
        assert not (tmp_path / "u.txt").exists()
    written = np.asarray(PILImage.open(prediction.save_uncertainty(tmp_path / "u.png")))
    assert written.tolist() == [[0, 255, 0]]
