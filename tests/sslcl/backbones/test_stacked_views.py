"""All views of a batch in one pass are the views one by one, in value and in gradient."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sslcl.backbones import BACKBONES, Backbone, BackboneShape
from sslcl.data.types import Batch, View
from sslcl.validation import NoOptions, Scalar

from .cases import (
    FULL,
    HIDDEN,
    SPEAKERS,
    VIEWS,
    WIDTHS,
    build,
    conversations,
    every_backbone,
    every_case,
    one_view,
)

NO_DROPOUT: dict[str, dict[str, Scalar]] = {"dialogue_rnn": {"recurrent_dropout": 0.0}}
"""Options that turn off dropout which has a probability of its own."""


@every_case
def test_stacked_views_are_the_views_one_by_one(name: str, options: dict[str, Scalar]) -> None:
    backbone = build(name, options)
    batch = Batch.of(conversations([4, 1, 7]))
    for views in (VIEWS, VIEWS[::-1], VIEWS[2:3], (FULL, VIEWS[1], FULL)):
        stacked = backbone.features(batch, views)
        alone = torch.stack([one_view(backbone, batch, view) for view in views])
        torch.testing.assert_close(stacked, alone, atol=1e-5, rtol=1e-5)


@every_case
def test_stacked_views_have_the_gradients_of_the_views_one_by_one(
    name: str, options: dict[str, Scalar]
) -> None:
    given = {**options, **NO_DROPOUT.get(name, {})}
    batch, ways = Batch.of(conversations([4, 1, 7])), []
    for stacked in (True, False):
        backbone = build(name, given).train()
        features = (
            backbone.features(batch, VIEWS)
            if stacked
            else torch.stack([one_view(backbone, batch, view) for view in VIEWS])
        )
        weights = torch.randn(features.shape, generator=torch.Generator().manual_seed(0))
        (features * weights).sum().backward()
        ways.append({key: value.grad for key, value in backbone.named_parameters()})
    for key, gradient in ways[0].items():
        torch.testing.assert_close(gradient, ways[1][key], atol=1e-4, rtol=1e-4, msg=key)


@every_backbone
def test_a_conversation_alone_has_the_stacked_views_it_has_in_any_batch(name: str) -> None:
    backbone, chosen = build(name), conversations([3, 25, 1, 8])
    together = backbone.features(Batch.of(chosen), VIEWS).split([len(c) for c in chosen], dim=1)
    for conversation, within in zip(chosen, together, strict=True):
        alone = backbone.features(Batch.of([conversation]), VIEWS)
        torch.testing.assert_close(alone, within, atol=1e-5, rtol=1e-5)


@every_backbone
def test_a_stacked_view_does_not_depend_on_modalities_outside_it(name: str) -> None:
    backbone, batch = build(name), Batch.of(conversations([6, 2]))
    changed = replace(batch, features={**batch.features, "audio": batch.features["audio"] + 1})
    before, after = backbone.features(batch, VIEWS), backbone.features(changed, VIEWS)
    for v, view in enumerate(VIEWS):
        assert torch.allclose(before[v], after[v], atol=1e-6) != ("audio" in view)


@every_backbone
def test_a_backbone_says_whether_it_stacks_views(name: str) -> None:
    cls = BACKBONES.get(name)
    assert cls.stacks_views == (cls.features is not Backbone.features)
    assert cls.stacks_views != (cls.view_features is not Backbone.view_features)


class OneByOne(Backbone):
    """The number of modalities of the view, which it has to be asked for view by view."""

    def view_features(self, batch: Batch, view: View) -> Tensor:
        return torch.full((int(batch.mask.sum()), 1), float(len(view)))


def test_a_backbone_that_cannot_stack_views_takes_them_one_by_one() -> None:
    backbone = OneByOne(BackboneShape(WIDTHS, SPEAKERS, HIDDEN, 0.0, NoOptions()))
    features = backbone.features(Batch.of(conversations([2])), VIEWS)
    assert features[:, :, 0].tolist() == [[len(view)] * 2 for view in VIEWS]


def test_asking_for_one_view_of_a_backbone_that_stacks_them_is_a_mistake() -> None:
    with pytest.raises(NotImplementedError, match="stacked"):
        build("utterance").view_features(Batch.of(conversations([2])), FULL)
