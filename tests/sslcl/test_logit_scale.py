import math
from typing import Any

import pytest
import torch

from sslcl.logit_scale import LogitScale


class TestLogitScale:
    logits = torch.tensor([[1.0, 3.0], [10.0, 14.0]])  # distances to the means: 1, 1, 2, 2

    @pytest.mark.parametrize(("mode", "expected"), [("released", 1.0), ("fixed", 4.0)])
    def test_constant_modes(self, mode: Any, expected: float) -> None:
        scale = LogitScale(mode, 4.0)
        torch.testing.assert_close(scale(self.logits), expected * self.logits)
        assert not list(scale.parameters())

    def test_learned_starts_at_the_scale_and_learns(self) -> None:
        scale = LogitScale("learned", 4.0)
        torch.testing.assert_close(scale(self.logits), 4.0 * self.logits)
        scale(self.logits).sum().backward()
        (parameter,) = scale.parameters()
        assert parameter.grad is not None
        assert parameter.grad != 0

    def test_matched_gives_the_first_batch_unit_spread_and_then_stays(self) -> None:
        scale = LogitScale("matched", 2.0)
        expected = 2.0 / math.sqrt(2.5)
        torch.testing.assert_close(scale(self.logits), expected * self.logits)
        torch.testing.assert_close(scale(100 * self.logits), 100 * expected * self.logits)

    def test_matched_ignores_evaluation_and_batches_without_spread(self) -> None:
        scale = LogitScale("matched", 1.0)
        scale.eval()(self.logits)
        scale.train()(torch.full((3, 4), 0.7))
        assert not scale.calibrated
        assert float(scale.factor()) == 1.0
        scale(self.logits)
        assert scale.calibrated

    def test_matched_survives_saving(self) -> None:
        first, second = LogitScale("matched", 1.0), LogitScale("matched", 1.0)
        first(self.logits)
        second.load_state_dict(first.state_dict())
        torch.testing.assert_close(second(5 * self.logits), first(5 * self.logits))

    def test_matched_makes_similarities_of_any_size_alike(self) -> None:
        for size in (1e-4, 1.0, 1e4):
            found = LogitScale("matched", 1.0)(size * self.logits)
            torch.testing.assert_close(found, self.logits / math.sqrt(2.5))
