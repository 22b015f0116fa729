"""The floor: every utterance by itself, without its conversation."""

from collections.abc import Sequence

from torch import Tensor, nn

from sslcl.backbones import Backbone, BackboneShape
from sslcl.backbones._parts import ModalitySum, by_view
from sslcl.data.types import Batch, View
from sslcl.dropout import Dropout
from sslcl.validation import NoOptions


class Utterance(Backbone):
    """A perceptron per utterance: what can be known without any context.

    x_t = sum over m of W_m x_mt + b_m;  f_t = drop(ReLU(W_2 drop(ReLU(x_t)) + b_2))

    What another backbone gains over this one is the worth of the conversation. An absent modality
    is a missing term of the first sum, its bias included. Speakers are not used.
    """

    name = "utterance"
    uses_context = False
    stacks_views = True

    def __init__(self, shape: BackboneShape[NoOptions]) -> None:
        super().__init__(shape)
        widths, hidden_size, dropout = shape.widths, shape.hidden_size, shape.dropout
        self.output_width = hidden_size
        self.fuse = ModalitySum(widths, hidden_size)
        self.hidden = nn.Linear(hidden_size, hidden_size)
        self.drop = Dropout(dropout)

    def features(self, batch: Batch, views: Sequence[View]) -> Tensor:
        """``(V, N, H)`` features, ``H`` the hidden size."""
        x = self.fuse.rows(batch, views)  # (VN, H)
        x = self.drop(x.relu())  # (VN, H)
        features: Tensor = self.drop(self.hidden(x).relu())  # (VN, H)
        return by_view(features, views)
