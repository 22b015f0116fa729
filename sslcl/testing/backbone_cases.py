"""Backbones and conversations for tests of any backbone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeVar, get_args, get_origin

import torch
from pydantic.fields import FieldInfo
from torch import Tensor

from sslcl.augmentation import views_of
from sslcl.backbones import BACKBONES, Backbone, BackboneShape
from sslcl.data.types import Batch, Conversation, View
from sslcl.validation import Scalar

BackboneT = TypeVar("BackboneT", bound=Backbone)
WIDTHS = {"text": 5, "audio": 3, "video": 4}
FULL = frozenset(WIDTHS)
VIEWS = views_of("all_subsets", tuple(WIDTHS))
HIDDEN = 8
SPEAKERS = 3


def levels(field: FieldInfo) -> list[Scalar]:
    """What an option may be: all of its names, both truth values, or small and smallest numbers."""
    if get_origin(field.annotation) is Literal:
        return list(get_args(field.annotation))
    if field.annotation is bool:
        return [False, True]
    lowest = next(limit.ge for limit in field.metadata if hasattr(limit, "ge"))
    return [lowest, 2] if field.annotation is int else [lowest]


def option_levels(name: str) -> Iterator[tuple[str, dict[str, Scalar]]]:
    """The defaults, then each listed level of each option by itself."""
    yield name, {}
    for option, field in BACKBONES.get(name).Options.model_fields.items():
        yield from ((name, {option: x}) for x in levels(field) if x != field.default)


def build_backbone(
    name: str,
    options: Mapping[str, Scalar] | None = None,
    widths: Mapping[str, int] = WIDTHS,
    speakers: int = SPEAKERS,
    hidden: int = HIDDEN,
    dropout: float = 0.0,
    seed: int = 0,
) -> Backbone:
    """A seeded backbone in evaluation mode."""
    torch.manual_seed(seed)
    cls = BACKBONES.get(name)
    shape = BackboneShape(widths, speakers, hidden, dropout, cls.check_options(options or {}))
    return cls(shape).eval()


def conversations(
    lengths: Sequence[int],
    widths: Mapping[str, int] = WIDTHS,
    speakers: int = SPEAKERS,
    seed: int = 0,
) -> list[Conversation]:
    """Conversations of these lengths with random features, speakers and labels."""
    draw = torch.Generator().manual_seed(seed)
    return [
        Conversation(
            id=f"c{n}",
            utterance_ids=tuple(f"u{t}" for t in range(length)),
            speakers=torch.randint(speakers, (length,), generator=draw),
            labels=torch.randint(3, (length,), generator=draw),
            features={m: torch.randn(length, w, generator=draw) for m, w in widths.items()},
        )
        for n, length in enumerate(lengths)
    ]


def by_conversation(backbone: Backbone, chosen: Sequence[Conversation]) -> list[Tensor]:
    """Full-view features of each conversation of one batch."""
    with torch.no_grad():
        features = one_view(backbone, Batch.of(chosen), frozenset(chosen[0].features))
    return list(features.split([len(c) for c in chosen]))


def one_view(backbone: Backbone, batch: Batch, view: View = FULL) -> Tensor:
    """``(N, D)`` features of one view alone."""
    return backbone.features(batch, [view])[0]


def built(
    cls: type[BackboneT],
    widths: Mapping[str, int],
    hidden: int,
    dropout: float = 0.3,
    options: Mapping[str, Scalar] | None = None,
) -> BackboneT:
    """A backbone for three participants."""
    return cls(BackboneShape(widths, 3, hidden, dropout, cls.check_options(options or {})))
