"""What formats of labels cannot say of objects: how often they would have to, and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cuecast.core.notes import give_note
from cuecast.core.objects import Annotations, connected_instances
from cuecast.core.values import IGNORE


def _confidences(found: Annotations) -> int:
    return sum(o.confidence is not None for o in found.objects)


def _crowds(found: Annotations) -> int:
    return sum(o.crowd for o in found.objects)


def _shared(found: Annotations) -> int:
    """Pixels that several objects have."""
    return sum(o.area for o in found.objects) - int((found.label_map() > 0).sum())


def _merged(found: Annotations) -> int:
    """Objects that touch another one of their class, or come in parts, which connected pieces do not tell."""
    ids, pieces = found.object_map(), connected_instances(found.label_map())
    pairs = {(int(a), int(b)) for a, b in zip(ids[ids > 0], pieces[ids > 0], strict=True)}
    objects, parts = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    return len({a for a, b in pairs if objects[a] > 1 or parts[b] > 1})


def _left_out(found: Annotations) -> int:
    return int((found.label_map() == IGNORE).sum())


def _other_classes(found: Annotations) -> int:
    return sum(o.cls != 1 for o in found.objects)


SAYINGS: Mapping[str, tuple[Callable[[Annotations], int], str]] = {
    "confidence": (_confidences, "the confidence of objects ({n})"),
    "crowd": (_crowds, "that several things are one entry (crowds, {n}: written as objects)"),
    "overlap": (_shared, "that objects overlap ({n} pixels: the later object has them)"),
    "touching": (_merged, "what is one object where things of a class touch or come in parts ({n} objects)"),
    "left_out": (_left_out, "what is left out ({n} pixels: written as background)"),
    "classes": (_other_classes, "of which class an object is ({n} are not of the first)"),
}
"""What a format may be unable to say: how often it would have to of an image, and in words."""


@dataclass(eq=False)
class Unsaid:
    """What a format would have to say of the images written in it and cannot: words of `SAYINGS`, counted."""

    cannot: tuple[str, ...]
    _counts: Counter[str] = field(default_factory=Counter)

    def add(self, found: Annotations) -> None:
        """Count what is lost of an image."""
        for word in self.cannot:
            self._counts[word] += SAYINGS[word][0](found)

    @property
    def counts(self) -> dict[str, int]:
        """Word -> how often, of those that were wanted at all."""
        return {word: self._counts[word] for word in self.cannot if self._counts[word]}

    def tell(self, where: object, title: str) -> None:
        """Say once what a format of this title, written to `where`, could not say."""
        said = [SAYINGS[word][1].format(n=n) for word, n in self.counts.items()]
        if said:
            give_note(f"{where}: {title} cannot say: {'; '.join(said)}")
