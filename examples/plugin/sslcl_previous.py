"""A backbone outside the checkout: each utterance beside the one before it."""

import torch
from torch import Tensor, nn

from sslcl.backbones import Backbone, BackboneShape
from sslcl.data.types import Batch, View
from sslcl.errors import InputError, unknown
from sslcl.validation import NoOptions


class Previous(Backbone):
    """``f_t = ReLU(W [x_t ; x_(t-1)])``; ``x`` is the sum of the view's projected modalities."""

    name = "previous"

    def __init__(self, shape: BackboneShape[NoOptions]) -> None:
        super().__init__(shape)
        self.output_width = shape.hidden_size
        self.project = nn.ModuleDict(
            {name: nn.Linear(width, shape.hidden_size) for name, width in shape.widths.items()}
        )
        self.mix = nn.Linear(2 * shape.hidden_size, shape.hidden_size)
        self.drop = nn.Dropout(shape.dropout)

    def view_features(self, batch: Batch, view: View) -> Tensor:
        """``(N, H)`` features, ``H`` the hidden size."""
        for modality in view:
            if modality not in self.project:
                raise unknown("modality", modality, self.modalities, "view")
        if not view:
            raise InputError(f"the view is empty: expected some of {', '.join(self.modalities)}")
        terms = [self.project[m](batch.features[m]) for m in self.modalities if m in view]
        x = torch.stack(terms).sum(dim=0) * batch.mask.unsqueeze(-1)  # (B, T, H)
        before = nn.functional.pad(x, (0, 0, 1, 0))[:, :-1]  # (B, T, H), zero for the first
        mixed: Tensor = self.drop(self.mix(torch.cat([x, before], dim=-1)).relu())
        return mixed[batch.mask]
