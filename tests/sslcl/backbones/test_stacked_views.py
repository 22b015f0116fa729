"""A backbone stacks views, or takes them one by one."""

import pytest
import torch
from torch import Tensor

from sslcl.backbones import Backbone, BackboneShape
from sslcl.data.types import Batch, View
from sslcl.testing.backbone_cases import (
    FULL,
    HIDDEN,
    SPEAKERS,
    VIEWS,
    WIDTHS,
    build_backbone,
    conversations,
)
from sslcl.validation import NoOptions


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
        build_backbone("utterance").view_features(Batch.of(conversations([2])), FULL)
