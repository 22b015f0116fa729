"""Masked-modality views: subsets of a conversation's modalities that serve as extra positives."""

from collections.abc import Sequence
from itertools import combinations

from sslcl.data.types import View
from sslcl.errors import InputError, unknown

AUGMENTATIONS = ("none", "text", "text_plus_one", "all_subsets")
"""The named sets of views; ``-`` takes views out of one: ``text_plus_one-text+audio``."""


def check_augmentation(name: str) -> None:
    """Refuse an augmentation that no data could make sense of.

    Raises:
        InputError: naming the nearest valid name.
    """
    _parse(name)


def canonical_augmentation(name: str) -> str:
    """The one way to write an augmentation: views to remove in order, and so their modalities.

    Example:
        >>> canonical_augmentation("all_subsets-video-text+audio")
        'all_subsets-audio+text-video'
    """
    base, removed = _parse(name)
    return "-".join([base, *sorted("+".join(sorted(view)) for view in removed)])


def views_of(augmentation: str, modalities: Sequence[str]) -> tuple[View, ...]:
    """The views of an augmentation set, smallest first, the full view last.

    With modalities text, audio, video: ``none`` is (tav); ``text`` is (t, tav); ``text_plus_one``
    is (t, ta, tv, tav), the paper's; ``all_subsets`` is (t, a, v, ta, tv, av, tav). Where there is
    no modality called text, the first one takes its place. A set without some of its views is
    written with ``-`` before each: ``text_plus_one-text+audio`` is (t, tv, tav).

    Args:
        augmentation: one of :data:`AUGMENTATIONS`, less views.
        modalities: names in the dataset's order.

    Raises:
        InputError: for a view to remove that is not among the masked views of the set.
    """
    base, removed = _parse(augmentation)
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
    views = sorted((v for v in masked[base] if v != everything), key=len)
    for view in removed:
        if view not in views:
            valid = [view_name(v, modalities) for v in views]
            name = view_name(view, [*modalities, *sorted(view - everything)])
            raise unknown("view", name, valid, f"augmentation '{augmentation}'")
    return (*(view for view in views if view not in removed), everything)


def restricted(augmentation: str, modalities: Sequence[str]) -> str:
    """The augmentation on fewer modalities: it takes out only the views that are still there.

    Example:
        >>> restricted("text_plus_one-text+audio-text", ["text", "audio"])
        'text_plus_one-text'
    """
    base, removed = _parse(augmentation)
    there = views_of(base, modalities)[:-1]
    return "-".join([base, *(view_name(v, modalities) for v in removed if v in there)])


def view_name(view: View, modalities: Sequence[str]) -> str:
    """The modalities of a view, in the dataset's order, joined by ``+``."""
    return "+".join(name for name in modalities if name in view)


def view_weights(views: Sequence[View]) -> tuple[float, ...]:
    """Weight of each view: its share of the modalities of the full view, the last one.

    For t, ta, tv, tav these are the released 1/3, 2/3, 2/3, 1.
    """
    return tuple(len(view) / len(views[-1]) for view in views)


def _parse(name: str) -> tuple[str, tuple[View, ...]]:
    """The named set and the views to remove from it."""
    base, *rest = name.split("-")
    if base not in AUGMENTATIONS:
        raise unknown("augmentation", base, AUGMENTATIONS)
    removed: list[View] = []
    for text in rest:
        parts = text.split("+")
        view = frozenset(parts)
        if "" in view or len(view) != len(parts) or view in removed:
            raise InputError(
                f"augmentation '{name}': '{text}' after '-': expected a view once, its modalities "
                "joined by + as in text_plus_one-text+audio"
            )
        removed.append(view)
    return base, tuple(removed)
