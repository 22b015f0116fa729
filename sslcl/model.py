"""A backbone with its objective: everything of a trial that has parameters."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from sslcl.backbones import BACKBONES, BackboneShape
from sslcl.config import TrialConfig
from sslcl.data.types import PAD_LABEL, Batch, Conversation, Dataset, View
from sslcl.dropout import Dropout
from sslcl.errors import unknown
from sslcl.objectives import OBJECTIVES, Loss, Shape

_RESOLUTION = torch.finfo(torch.float32).eps


class Standardiser(nn.Module):
    """Scales features to zero mean and unit variance over the training utterances.

    Args:
        rows: ``(N, width)`` features of the training utterances.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        wide = rows.double()
        self.register_buffer("mean", wide.mean(dim=0).float())
        # A constant feature carries nothing; dividing by 1 keeps it finite. Constant is what varies
        # by less than 32-bit numbers of its size can tell apart, whatever the unit.
        std = wide.std(dim=0, unbiased=False).float()
        varies = std > _RESOLUTION * wide.abs().amax(dim=0)
        self.register_buffer("std", torch.where(varies, std, torch.ones_like(std)))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Standardise ``(B, T, width)``; padding stays zero."""
        return self.rows(x).mul_(mask.unsqueeze(-1))

    def rows(self, x: Tensor) -> Tensor:
        """Standardise ``(..., width)`` without padding, on whichever device it is."""
        # In place, because these are the largest tensors there are.
        return (x - self.mean.to(x.device)).div_(self.std.to(x.device))


class SSLCLModel(nn.Module):
    """Standardised features, a backbone and an objective.

    Args:
        config: the trial.
        dataset: widths, classes and the training split, from which the standardisation and the
            class prior are taken.
    """

    def __init__(self, config: TrialConfig, dataset: Dataset) -> None:
        super().__init__()
        self.modalities = chosen_modalities(config, dataset)
        self.standardise = nn.ModuleDict(
            {
                name: Standardiser(torch.cat([c.features[name] for c in dataset.train]))
                for name in self.modalities
            }
        )
        backbone = BACKBONES.get(config.backbone)
        self.backbone = backbone(
            BackboneShape(
                widths={name: dataset.modalities[name] for name in self.modalities},
                speakers=dataset.speakers,
                hidden_size=config.hidden_size,
                dropout=config.dropout,
                options=backbone.check_options(config.backbone_options),
            )
        )
        labels = torch.cat([c.labels for c in dataset.train])
        counts = torch.bincount(
            labels[labels != PAD_LABEL], minlength=len(dataset.label_names)
        ).float()
        self.class_prior = counts / counts.sum()
        shape = Shape(self.backbone.output_width, self.class_prior, self.modalities)
        self.objective = OBJECTIVES.get(config.objective)(config, shape)
        self.input_dropout = Dropout(config.input_dropout)
        self.full_view: View = frozenset(self.modalities)
        self.test_view: View = frozenset(config.test_modalities or self.modalities)

    def loss(self, batch: Batch) -> Loss:
        """The objective on one batch, over all the views it asks for.

        Utterances that are context only have their part in the features of the others and none
        in the loss; at least one utterance must have a label.
        """
        ready = self._standardised(batch)
        features = self.backbone.features(ready, self.objective.views)  # (V, N, D)
        labels = batch.valid_labels
        if not batch.complete:  # Asking the labels would make the device wait.
            carries = labels != PAD_LABEL
            if not carries.all():
                features, labels = features[:, carries], labels[carries]
        loss: Loss = self.objective(features, labels)
        return loss

    def scores(self, batch: Batch, view: View | None = None) -> Tensor:
        """``(N, C)`` class scores of the batch's utterances, from all modalities or a view."""
        return self.objective.scores(self.features(batch, view))

    def features(self, batch: Batch, view: View | None = None) -> Tensor:
        """``(N, D)`` features of the batch's utterances, from all modalities or a view."""
        return self.backbone.features(self._standardised(batch), [view or self.full_view])[0]

    def standardised_rows(self, modality: str, rows: Tensor) -> Tensor:
        """Standardise ``(U, width)`` features of a modality, on whichever device they are."""
        return cast(Standardiser, self.standardise[modality]).rows(rows)

    def _standardised(self, batch: Batch) -> Batch:
        features = {name: batch.features[name] for name in self.modalities}
        if not batch.standardised:
            features = {n: self.standardise[n](x, batch.mask) for n, x in features.items()}
        features = {name: self.input_dropout(x) for name, x in features.items()}
        return replace(batch, features=features, standardised=True)


class ConversationScorer(nn.Module):
    """A trained model as a plain function of one tensor, for serving.

    Input ``(T, F)`` float32: one conversation; columns are the modalities' features in the
    model's order, then the speaker's index. Output ``(T, C)`` class scores.
    """

    def __init__(self, model: SSLCLModel, widths: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.widths = tuple(widths)

    def forward(self, rows: Tensor) -> Tensor:
        """Score every utterance of the conversation."""
        *parts, speakers = torch.split(rows.float(), [*self.widths, 1], dim=-1)
        features = {n: x[None] for n, x in zip(self.model.modalities, parts, strict=True)}
        length = rows.shape[0]
        batch = Batch(
            features,
            speakers.long().T,
            torch.zeros(1, length, dtype=torch.long, device=rows.device),
            torch.ones(1, length, dtype=torch.bool, device=rows.device),
            torch.tensor([length]),
        )
        return self.model.scores(batch)

    def rows(self, conversation: Conversation) -> Tensor:
        """The ``(T, F)`` input for a conversation."""
        parts = [conversation.features[name] for name in self.model.modalities]
        return torch.cat([*parts, conversation.speakers[:, None].float()], dim=-1)


def chosen_modalities(config: TrialConfig, dataset: Dataset) -> tuple[str, ...]:
    """The modalities a trial uses, in the dataset's order.

    Raises:
        InputError: when the dataset lacks one that the configuration names.
    """
    for name in (*(config.modalities or ()), *(config.test_modalities or ())):
        if name not in dataset.modalities:
            raise unknown("modality", name, dataset.modalities, f"dataset '{dataset.name}'")
    if config.modalities is None:
        return tuple(dataset.modalities)
    return tuple(name for name in dataset.modalities if name in config.modalities)
