"""Architectures that turn a conversation into one feature vector per utterance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from sslcl.data.types import Batch, View
from sslcl.registry import Registry
from sslcl.validation import NoOptions, Scalar, validated

OptionsT = TypeVar("OptionsT", bound=BaseModel)


@dataclass(frozen=True)
class BackboneShape(Generic[OptionsT]):
    """What a backbone is built from.

    Args:
        widths: modality name to input width, in the dataset's order.
        speakers: the most participants of any conversation.
        hidden_size: width of hidden states.
        dropout: dropout probability.
        options: a validated instance of the backbone's :attr:`Backbone.Options`.
    """

    widths: Mapping[str, int]
    speakers: int
    hidden_size: int
    dropout: float
    options: OptionsT


class Backbone(nn.Module):
    """The contract of every architecture.

    Views are subsets of the modalities. The features of a view are those of a model that was never
    given the other modalities, whatever other views are asked for beside it. What several views
    have in common, such as the projection of a modality, may be computed once for all of them: its
    dropout is then the same in all.

    The features of a conversation do not depend on what it is batched with, nor on its position
    in the batch; :attr:`output_width` does not depend on the view. The forward pass compiles into
    one graph, except where it has a GRU or LSTM, whose loop follows the lengths of the batch.

    Args:
        shape: widths, participants and options.

    Raises:
        InputError: when the hidden size does not go with the options.
    """

    name: ClassVar[str]
    source: ClassVar[str] = ""
    """The paper and the released code; empty where the architecture is this package's own."""
    published: ClassVar[Mapping[str, float]] = {}
    """Dataset to the published weighted F1 in percent. Their protocols and features differ."""
    differs: ClassVar[str] = ""
    """What is not as in the released code."""
    Options: ClassVar[type[BaseModel]] = NoOptions
    uses_context: ClassVar[bool] = True
    """Whether an utterance's features depend on the other utterances and on their order."""
    uses_speakers: ClassVar[bool] = False
    """Whether features depend on who speaks."""
    names_speakers: ClassVar[bool] = False
    """Whether it tells participants apart by their index, as speaker embeddings do; where it is
    false, exchanging the indices of two participants changes nothing."""
    stacks_views: ClassVar[bool] = False
    """Whether all views of a batch take one forward pass together. A class where it is true has
    its own :meth:`features`; one where it is false has :meth:`view_features`."""
    output_width: int

    def __init__(self, shape: BackboneShape[Any]) -> None:
        super().__init__()
        self.check_size(shape.hidden_size, shape.options)
        self.modalities = tuple(shape.widths)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """Utterance features from each of the views alone, in evaluation and in training.

        As written here, one pass of :meth:`view_features` for each view.

        Args:
            batch: its features need not have modalities that no view names.
            views: at least one.

        Returns:
            ``(V, N, D)`` for the ``V`` views and the ``N`` utterances of the batch, conversation
            by conversation; ``D`` is :attr:`output_width`.

        Raises:
            InputError: when a view is empty or names a modality that there is not.
        """
        return torch.stack([self.view_features(batch, view) for view in views])

    def view_features(self, batch: Batch, view: View) -> Tensor:
        """``(N, D)`` features from the modalities in ``view``, where views are not stacked."""
        raise NotImplementedError(f"{type(self).__name__} has features for stacked views only")

    @classmethod
    def check_options(cls, values: Mapping[str, Scalar]) -> BaseModel:
        """Validate the backbone's own options.

        Raises:
            InputError: when an option is unknown or its value does not fit.
        """
        return validated(cls.Options, values, f"backbone_options of '{cls.name}'")

    @classmethod
    def check_size(cls, hidden_size: int, options: Any) -> None:
        """Refuse a hidden size that the options do not go with.

        Args:
            hidden_size: width of hidden states.
            options: a validated instance of :attr:`Options`.

        Raises:
            InputError: with the nearest sizes that would do.
        """


BACKBONES: Registry[Backbone] = Registry("backbone", "sslcl.backbones", Backbone)
