"""Masked-modality views: subsets of a conversation's modalities that serve as extra positives."""

from collections.abc import Sequence
from itertools import combinations

from sslcl.backbones import View
from sslcl.errors import unknown

AUGMENTATIONS = ("none", "text", "text_plus_one", "all_subsets")


def check_augmentation(name: str) -> None:
    """Refuse an augmentation set that does not exist.

    Raises:
        InputError: naming the nearest valid name.
    """
    if name not in AUGMENTATIONS:
        raise unknown("augmentation", name, AUGMENTATIONS)


def views_of(augmentation: str, modalities: Sequence[str]) -> tuple[View, ...]:
    """The views of an augmentation set, smallest first, the full view last.

    With modalities text, audio, video: ``none`` is (tav); ``text`` is (t, tav); ``text_plus_one``
    is (t, ta, tv, tav), the paper's; ``all_subsets`` is (t, a, v, ta, tv, av, tav). Where there is
    no modality called text, the first one takes its place.

    Args:
        augmentation: one of :data:`AUGMENTATIONS`.
        modalities: names in the dataset's order.
    """
    check_augmentation(augmentation)
    anchor = "text" if "text" in modalities else modalities[0]
    everything = frozenset(modalities)
    masked: dict[str, list[View]] = {
        "none": [],
        "text": [frozenset({anchor})],
        "text_plus_one": [frozenset({anchor, other}) for other in modalities],
        "all_subsets": [
            frozenset(subset)
            for size in range(1, len(modalities))
            for subset in combinations(modalities, size)
        ],
    }
    views = sorted((v for v in masked[augmentation] if v != everything), key=len)
    return (*views, everything)


def view_weights(views: Sequence[View]) -> tuple[float, ...]:
    """Weight of each view: its share of the modalities of the full view, the last one.

    For t, ta, tv, tav these are the released 1/3, 2/3, 2/3, 1.
    """
    return tuple(len(view) / len(views[-1]) for view in views)
