"""A random forest on multiscale filter features: what ilastik and Trainable Weka Segmentation fit on strokes.

Features are scikit-image's `multiscale_basic_features` (intensity, edges and texture of each channel, Gaussians of
0.5 to 16 pixels), the classifier is scikit-learn's random forest (Breiman 2001); compare Berg et al. 2019 (ilastik)
and Arganda-Carreras et al. 2017 (Weka). All cue pixels may be drawn from, as the marks are whole masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from cuecast.core.values import Example, Image
from cuecast.evaluation.baselines import CueKind
from cuecast.evaluation.baselines.pixels import Floats, enlarged, frame, must_show, shares, usable_threads
from cuecast.predictor import Predictor

SIDE = 224
"""Square root of the working frame's area, in pixels."""
SIGMAS = (0.5, 16.0)
TREES = 50
"""As in scikit-image's example of a trainable segmentation; 100 take twice as long for the same IoU."""
SMALLEST_LEAF = 2
MOST_PIXELS = 30_000
"""Pixels that the forest is fitted on, at most; each cue gives the same number, drawn without regard to its label."""
SHARE_A_TREE = 0.2
"""Share of these pixels that a tree sees: with all of them fitting takes five times as long for 0.01 of IoU."""
THRESHOLD = 0.5


@dataclass(frozen=True)
class FilterForest:
    """See the module's docstring."""

    threads: int

    title: ClassVar[str] = "random forest on filter features"
    cues: ClassVar[CueKind] = "masks"

    @classmethod
    def from_predictor(cls, predictor: Predictor, threads: int | None) -> FilterForest:  # noqa: ARG003
        """It needs nothing of the pack."""
        return cls(usable_threads(threads))

    @property
    def settings(self) -> dict[str, Any]:
        """Working side, filters, trees and pixels."""
        return {
            "side": SIDE,
            "sigmas": list(SIGMAS),
            "trees": TREES,
            "smallest_leaf": SMALLEST_LEAF,
            "most_pixels": MOST_PIXELS,
            "share_a_tree": SHARE_A_TREE,
        }

    def learn(self, examples: Sequence[Example]) -> Any:
        """The fitted forest; None where the cues show nothing but the thing."""
        from sklearn.ensemble import RandomForestClassifier

        must_show(examples)
        drawn = list(self._drawn(examples))
        pixels, labels = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        if labels.all():
            return None
        forest = RandomForestClassifier(
            TREES,
            min_samples_leaf=SMALLEST_LEAF,
            max_samples=SHARE_A_TREE,
            n_jobs=self.threads,
            random_state=0,
        )
        return forest.fit(pixels, labels)

    def segment(self, knowledge: Any, image: Image) -> NDArray[np.bool_]:
        """Where most of the trees say 'the thing', their shares brought to the image's size."""
        if knowledge is None:
            return np.ones(image.size, bool)
        features = self._features(frame(image, SIDE))
        if len(knowledge.classes_) == 1:
            return np.zeros(image.size, bool)
        share = knowledge.predict_proba(features.reshape(-1, features.shape[-1]))[:, 1]
        # Trees add up in any order; rounding keeps a tie a tie.
        rounded = share.round(6).astype(np.float32).reshape(features.shape[:2])
        return enlarged(rounded, image.size) >= THRESHOLD

    def _drawn(self, examples: Sequence[Example]) -> Iterator[tuple[Floats, NDArray[np.bool_]]]:
        """Of each cue some known pixels: features (J, C) float32 and whether they are the thing (J,) bool."""
        random = np.random.default_rng(0)
        for example in examples:
            pixels = frame(example.image, SIDE)
            thing, rest = shares(example, pixels.shape[:2])
            known = np.flatnonzero(thing + rest > 0.5)
            count = min(len(known), MOST_PIXELS // len(examples))
            taken = random.choice(known, count, replace=False)
            features = self._features(pixels)
            yield features.reshape(-1, features.shape[-1])[taken], (thing >= rest).ravel()[taken]

    def _features(self, pixels: NDArray[np.uint8]) -> Floats:
        """(h, w, C) float32 filter responses of a frame (h, w, 3)."""
        from skimage import feature

        filters: Any = feature.multiscale_basic_features  # its threads are all cores, whatever `threads` says
        return np.asarray(
            filters(pixels, sigma_min=SIGMAS[0], sigma_max=SIGMAS[1], channel_axis=-1), np.float32
        )
