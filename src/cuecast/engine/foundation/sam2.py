"""SAM 2 with its memory (Ravi et al. 2024): the cues and the query are frames of one video, and the thing is tracked.

    learn:  marks --mask, or boxes and points as SAM takes them--> masks --memory encoder--> memories;  forest
    score:  query --features--> attends to the memories --> logits --+--> scores --finish-->
                  --filters--> forest ------------------------------+

So do CAV-SAM and SANSA, which fine-tune parts of it; nothing is trained here. A picture is pressed into the model's
square. Points and scribbles on the query itself are asked of the model as corrections, beside what they move
everywhere. Where the model says that the thing is not in the picture, all scores are near 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from scipy.special import expit

from cuecast.core.geometry import mark_labels
from cuecast.core.kept import Kept
from cuecast.core.notes import give_note
from cuecast.core.ordered import one_blas_thread
from cuecast.core.values import IGNORE, Example, Image, Marks
from cuecast.engine.correction import marked_places
from cuecast.engine.forest import Forest, forest_logits
from cuecast.engine.foundation.answer import finish
from cuecast.engine.foundation.complete import Completer, forest_on
from cuecast.engine.foundation.runtime import DEVIATION, MEAN, Network, library, network, normal
from cuecast.engine.foundation.stated import read_numbers
from cuecast.engine.mark_weights import mark_weights
from cuecast.engine.refiner import Refiner, resize
from cuecast.engine.segmenter import PackFile, ScoreMaps

Array = NDArray[np.float32]

NUMBERS = {"forest_share": 0.2}
"""What a card may state under 'preprocessing', with the default: the forest's share of the answer's logits."""
MOST_CUES = 8
"""Cues of a class that are remembered, at most; see `Sam2Segmenter.most`."""
MOST_CLICKS = 16
"""Places that are asked of the model on one picture, at most; more are thinned."""
SURE = 8.0
"""Logits are taken within -SURE and SURE."""
IMAGES = 4
"""Images whose features are kept for the next class or click."""
CLICK, NOT, CORNERS = 1, 0, (2, 3)
"""How the model is told what a point is: of the thing, not of it, the two corners of a box."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What is kept of one class: what the model remembers of each cue, and the forest."""

    cls: int
    memories: tuple[dict[str, Any], ...]
    forest: Forest | None


@dataclass(frozen=True, eq=False)
class Sam2Knowledge:
    """A lesson for each class, in the order given to `learn`."""

    lessons: tuple[Lesson, ...]


@dataclass(frozen=True, eq=False)
class Sam2Segmenter:
    """See the module's docstring. Build it with `from_pack`."""

    network: Network
    completer: Completer
    preprocessing: Mapping[str, float]
    seen: Kept[Any] = field(default_factory=lambda: Kept(IMAGES), repr=False)

    encoder = None
    kind: ClassVar[str] = "sam2"
    title: ClassVar[str] = "SAM 2"
    session: ClassVar[str] = "Sam2VideoInferenceSession"
    """The class of transformers that holds a video."""
    colours: ClassVar[tuple[NDArray[np.float32], NDArray[np.float32]]] = (MEAN, DEVIATION)
    """Mean and deviation of what the model was trained with."""

    @classmethod
    def from_pack(
        cls, files: Mapping[str, PackFile], numbers: Mapping[str, Any], threads: int | None = None
    ) -> Self:
        """Load the weights that the card names. Raises PackError, MissingExtraError, InputError."""
        stated = read_numbers(numbers.get("preprocessing", {}), NUMBERS, ("forest_share",))
        return cls(network(files, cls.kind, threads), Completer(threads), stated)

    @property
    def side(self) -> int:
        """Of the square that the model sees, in pixels."""
        return int(self.network.config.image_size)

    @property
    def grid(self) -> int:
        """Side of the model's logits: four of them a patch."""
        return 4 * self.side // int(self.network.config.prompt_encoder_config.patch_size)

    @property
    def most(self) -> int:
        """Cues of a class that are remembered: the model attends to no more of them than its config says."""
        stated = int(self.network.config.max_cond_frame_num)
        return min(MOST_CUES, stated) if stated > 0 else MOST_CUES

    def zoom(self, knowledge: Sam2Knowledge) -> float:  # noqa: ARG002
        """Pictures are pressed into one square, whatever the scale."""
        return 1.0

    def learn(
        self,
        examples: Sequence[Example],
        class_ids: Sequence[int],
        scale: str,  # noqa: ARG002
        before: Sam2Knowledge | None = None,  # noqa: ARG002
    ) -> Sam2Knowledge:
        """Make masks of sparse marks, and remember every cue that shows a class."""
        with one_blas_thread():
            return Sam2Knowledge(tuple(self._study(examples, cls) for cls in class_ids))

    def score(self, knowledge: Sam2Knowledge, image: Image, own: Sequence[Marks] = ()) -> ScoreMaps:
        """See `Segmenter.score`. `object`: the model's logit of the thing being in the picture."""
        refiner = Refiner(image.pixels)
        planes, features = [], []
        with one_blas_thread():
            for lesson in knowledge.lessons:
                scores, there = self._plane(lesson, image, own)
                planes.append(finish(scores, lesson.cls, image, own, refiner))
                features.append({"object": there})
        return ScoreMaps(np.stack(planes), tuple(features))

    def forget(self) -> None:
        """See `Segmenter.forget`."""
        self.seen.clear()

    def _study(self, examples: Sequence[Example], cls: int) -> Lesson:
        """Remember the cues that show a class, and fit the forest on all."""
        things = [self._thing(example, cls) for example in examples]
        shown = [(e.image, thing) for e, thing in zip(examples, things, strict=True) if thing.any()]
        if len(shown) > self.most:
            give_note(
                f"class {cls}: {len(shown)} cues show it, and {self.title} remembers the first {self.most}"
            )
        memories = tuple(self._memory(image, thing) for image, thing in shown[: self.most])
        return Lesson(cls, memories, self._forest(examples, things))

    def _thing(self, example: Example, cls: int) -> NDArray[np.bool_]:
        """The thing (H, W) on a cue: as marked, or what the model makes of boxes and points."""
        labels = mark_labels(example.marks)
        if not example.marks.is_sparse or cls not in example.marks.class_ids:
            marked: NDArray[np.bool_] = labels == cls
            return marked
        H, W = example.image.size
        found = np.zeros((H, W), bool)
        boxes = [b.xyxy for b in example.marks.boxes if b.cls == cls]
        clicks = self._clicks([example.marks], cls)
        asked = [([(x1, y1), (x2, y2)], list(CORNERS)) for x1, y1, x2, y2 in boxes] or [clicks]
        for places, kinds in asked:
            scaled = [(x * self.side / W, y * self.side / H) for x, y in places] if boxes else places
            logits, _ = self._ask(example.image, (), scaled, kinds)
            found |= resize(logits, (H, W)) > 0
        found = np.where(labels == IGNORE, found, labels == cls)
        covered: NDArray[np.bool_] = mark_weights([example.marks], cls)[0][0] > 0
        return found if found.any() else covered

    def _clicks(self, marks: Sequence[Marks], cls: int) -> tuple[list[tuple[float, float]], list[int]]:
        """Points and scribbles as places (x, y) of the square, and what each is."""
        places = np.concatenate([np.empty((0, 3), np.float32), *(marked_places(m, cls) for m in marks)])
        places = places[np.linspace(0, len(places) - 1, min(len(places), MOST_CLICKS)).astype(np.intp)]
        at = [(float(x) * self.side, float(y) * self.side) for y, x, _ in places]
        return at, [CLICK if sign > 0 else NOT for *_, sign in places]

    def _forest(self, examples: Sequence[Example], things: Sequence[NDArray[np.bool_]]) -> Forest | None:
        """The forest on the filters of the cues' pixels."""
        maps = [self._filters(e.image) for e in examples]
        shares = [
            resize(t.astype(np.float32), (m.shape[1], m.shape[2])) for t, m in zip(things, maps, strict=True)
        ]
        return forest_on(maps, shares)

    def _filters(self, image: Image) -> Array:
        """(C, G, G): the fixed filters, on the grid of the model's logits."""
        return self.completer.filters(self._square(image, 2 * self.grid))

    def _plane(self, lesson: Lesson, image: Image, own: Sequence[Marks]) -> tuple[Array, float]:
        """Scores (G, G) of a class, and the logit of its being in the picture."""
        logits, there = self._ask(image, lesson.memories)
        places, kinds = self._clicks(own, lesson.cls)
        if places:
            logits, there = self._ask(image, lesson.memories, places, kinds)
        logits = logits.clip(-SURE, SURE)
        if lesson.forest is not None and there > 0:
            share = np.float32(self.preprocessing["forest_share"])
            logits = (1 - share) * logits + share * forest_logits(lesson.forest, self._filters(image))[0]
        scores: Array = expit(logits)
        return scores, there

    def _memory(self, image: Image, thing: NDArray[np.bool_]) -> dict[str, Any]:
        """What the model remembers of a frame with its mask (H, W)."""
        torch = library("torch")
        pressed = resize(thing.astype(np.float32), (self.side, self.side)) >= 0.5
        if not pressed.any():  # thinner than a pixel of the square: every pixel that it touches
            pressed = resize(thing.astype(np.float32), (self.side, self.side)) > 0
        with self.network.running() as model:
            session = self._session(image, 0)
            mask = torch.from_numpy(pressed[None, None].astype(np.float32))
            session.add_mask_inputs(session.obj_id_to_idx(1), 0, mask)
            session.obj_with_new_inputs = [1]
            model(inference_session=session, frame_idx=0)
            remembered: dict[str, Any] = session.output_dict_per_obj[0]["cond_frame_outputs"][0]
        return remembered

    def _ask(
        self,
        image: Image,
        memories: Sequence[dict[str, Any]],
        places: Sequence[tuple[float, float]] = (),
        kinds: Sequence[int] = (),
    ) -> tuple[Array, float]:
        """Logits (G, G) of a frame after the frames that are remembered, and of the thing being there; by
        places (x, y) of the square, too, where there are any."""
        torch = library("torch")
        number = len(memories)
        with self.network.running() as model:
            session = self._session(image, number)
            index = session.obj_id_to_idx(1)
            session.output_dict_per_obj[index]["cond_frame_outputs"].update(enumerate(memories))
            if places:
                if memories:  # a frame that has been tracked is corrected, and remembers
                    session.frames_tracked_per_obj[index][number] = {"reverse": False}
                points = {
                    "point_coords": torch.tensor([[list(places)]], dtype=session.dtype),
                    "point_labels": torch.tensor([[list(kinds)]], dtype=torch.int32),
                }
                session.add_point_inputs(index, number, points)
                session.obj_with_new_inputs = [1]
            found = model(inference_session=session, frame_idx=number, run_mem_encoder=False)
            logits = self.network.array(found.pred_masks[0, 0])
            there = float(self.network.array(found.object_score_logits).ravel()[0])
        return logits, there

    def _session(self, image: Image, number: int) -> Any:
        """A video whose frame of that number is the image, with its features; those before are only counted."""
        transformers = library("transformers")
        kind = next(self.network.model.parameters()).dtype
        where = self.network.device
        session = getattr(transformers, self.session)(
            inference_device=where, inference_state_device=where, video_storage_device=where, dtype=kind
        )
        session.processed_frames = dict.fromkeys(range(number + 1))

        def encode() -> dict[str, Any]:
            frame = self.network.tensor(normal(self._square(image, self.side), *self.colours)[None])
            found = self.network.model.get_image_features(frame, return_dict=True)
            return {"vision_feats": found.fpn_hidden_states, "vision_pos_embeds": found.fpn_position_encoding}

        session.cache.cache_vision_features(number, self.seen.get(image.digest, encode))
        return session

    def _square(self, image: Image, side: int) -> NDArray[np.uint8]:
        """The image pressed into a square, as SAM's processor does it."""
        how = PILImage.Resampling.BILINEAR
        return np.asarray(PILImage.fromarray(image.pixels).resize((side, side), how))
