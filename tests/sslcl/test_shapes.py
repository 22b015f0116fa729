"""Shapes that the code states are checked in tests: a wrong one is refused where it enters."""

import pytest
import torch
from jaxtyping import TypeCheckError

from sslcl.logit_scale import spread
from sslcl.objectives._focused_contrast import Focus, focused_contrast
from sslcl.similarities import SIMILARITIES


def test_a_tensor_of_another_shape_is_refused() -> None:
    with pytest.raises(TypeCheckError):
        spread(torch.zeros(3))
    with pytest.raises(TypeCheckError):
        focused_contrast(torch.zeros(4, 5), torch.ones(2), torch.ones(3), Focus(2.0, 0.5))
    cosine = SIMILARITIES.get("cosine")(6)
    labels = torch.zeros(5, dtype=torch.long)
    with pytest.raises(TypeCheckError):
        cosine.contrast(torch.zeros(2, 4, 6), labels, torch.zeros(3, 6))
    with pytest.raises(TypeCheckError):
        cosine.contrast(torch.zeros(2, 5, 6), labels.float(), torch.zeros(3, 6))
