"""What every objective promises: inherit :class:`ObjectiveContract` in a test module."""

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from sslcl.errors import InputError
from sslcl.objectives import OBJECTIVES, Objective
from sslcl.testing.objective_cases import WIDTH, batch, build_objective, configure

ALTERNATIVES: dict[str, Any] = {
    "similarity": "dot",
    "focus_positive": 1.0,
    "focus_negative": 1.0,
    "class_weight_exponent": 0.0,
    "label_label_weight": 2.0,
    "cross_entropy_weight": 1.3,
    "label_embedding_depth": 3,
    "label_embedding_width": 7,
    "label_embedding_dropout": 0.5,
    "augmentation": "all_subsets",
    "scale": 9.0,
    "inference": "probe",
    "logit_scale": "fixed",
}
"""Another value of every field that an objective may read."""


class ObjectiveContract:
    """Tests of one objective.

    Example:
        >>> class TestMine(ObjectiveContract):  # doctest: +SKIP
        ...     name = "mine"
    """

    name: ClassVar[str]
    """The objective's name in the registry."""

    @pytest.fixture(autouse=True)
    def _seed(self) -> None:
        torch.manual_seed(0)

    @pytest.mark.parametrize("mode", ["released", "fixed", "learned", "matched"])
    @pytest.mark.parametrize("labels", [[1], [3], [2, 2, 2], [0, 1], [3, 0, 0, 1, 2]])
    def test_trains_on_the_smallest_batches(self, mode: str, labels: list[int]) -> None:
        # Cosine, because under Soft-HGR one utterance alone teaches sslcl nothing, as documented.
        objective = build_objective(
            **valid(self.name, logit_scale=mode, scale=3.0, similarity="cosine")
        )
        features, targets = of_labels(objective, labels)
        loss = objective(features, targets)
        assert loss.total.ndim == 0
        assert loss.total.isfinite()
        loss.total.backward()
        assert features.grad is not None
        # The full view, which prediction uses, is always taught.
        assert features.grad[-1].abs().sum(dim=-1).min() > 0
        for leaf in (features, *objective.parameters()):
            assert leaf.grad is None or leaf.grad.isfinite().all()
        for term in loss.terms.values():
            assert term.ndim == 0
            assert not term.requires_grad
            assert term.isfinite()

    def test_first_steps_with_one_utterance_each_stay_finite(self) -> None:
        objective = build_objective(**valid(self.name))
        optimiser = torch.optim.Adam(objective.parameters(), lr=1e-2)
        for step in range(8):
            features, labels = of_labels(objective, [step % 3])
            optimiser.zero_grad()
            objective(features, labels).total.backward()
            optimiser.step()
            assert features.grad is not None
            assert features.grad.isfinite().all()
        assert objective.eval().scores(torch.randn(3, WIDTH)).isfinite().all()

    @pytest.mark.parametrize("training", [True, False])
    def test_scores_have_one_row_an_utterance_which_no_other_changes(self, training: bool) -> None:
        objective = build_objective(**valid(self.name, label_embedding_dropout=0.5))
        for _ in range(3):
            objective(*batch(objective, 9))
        probe = torch.randn(6, WIDTH)
        scores = objective.train(training).scores(probe)
        assert scores.shape == (6, 4)
        assert scores.isfinite().all()
        for i in range(6):
            torch.testing.assert_close(objective.scores(probe[i : i + 1]), scores[i : i + 1])
        torch.testing.assert_close(objective.scores(probe.flip(0)).flip(0), scores)

    def test_state_round_trip_scores_and_goes_on_alike(self) -> None:
        settings = valid(self.name)
        first, second = build_objective(**settings), build_objective(**settings)
        for _ in range(3):
            first(*batch(first, 9))
        second.load_state_dict(first.state_dict())
        probe = torch.randn(5, WIDTH)
        assert torch.equal(first.eval().scores(probe), second.eval().scores(probe))
        features, labels = batch(first, 9)
        first_loss, second_loss = first.train()(features, labels), second.train()(features, labels)
        assert torch.equal(first_loss.total, second_loss.total)

    def test_evaluation_leaves_no_trace(self) -> None:
        objective = build_objective(**valid(self.name)).eval()
        kept = {key: value.clone() for key, value in objective.state_dict().items()}
        objective(*batch(objective, 9))
        objective.scores(torch.randn(5, WIDTH))
        assert all(torch.equal(kept[key], value) for key, value in objective.state_dict().items())

    def test_order_of_utterances_does_not_matter(self) -> None:
        objective = build_objective(**valid(self.name)).double().eval()
        features, labels = batch(objective, 11)
        order = torch.randperm(11)
        value = objective(features, labels).total
        torch.testing.assert_close(objective(features[:, order], labels[order]).total, value)

    def test_cross_entropy_can_be_added(self) -> None:
        if "cross_entropy_weight" in OBJECTIVES.get(self.name).unread_fields(configure()):
            pytest.skip("it does not read cross_entropy_weight")
        losses = []
        for weight in (0.25, 1.25):
            torch.manual_seed(1)
            objective = build_objective(objective=self.name, cross_entropy_weight=weight)
            losses.append(objective(*batch(objective, 9)))
        added = losses[0].terms["cross_entropy"]
        torch.testing.assert_close(losses[1].terms["cross_entropy"], added)
        torch.testing.assert_close((losses[1].total - losses[0].total).detach(), added)

    @pytest.mark.parametrize("mode", ["released", "fixed", "matched"])
    @pytest.mark.parametrize("depth", [0, 2])
    def test_unread_fields_change_no_bit_and_read_fields_do(self, mode: str, depth: int) -> None:
        def run(**changes: Any) -> list[Tensor]:
            torch.manual_seed(1)
            objective = build_objective(**{**base, **changes})
            features, labels = batch(objective, 9)
            loss = objective(features, labels)
            (gradient,) = torch.autograd.grad(loss.total, features)
            return [loss.total.detach(), gradient, objective.eval().scores(features[-1].detach())]

        base = valid(self.name, logit_scale=mode, scale=3.0, label_embedding_depth=depth)
        unread = OBJECTIVES.get(self.name).unread_fields(configure(**base))
        reference = run()
        for field, value in ALTERNATIVES.items():
            if base.get(field) == value:
                continue
            found = run(**{field: value})
            same = all(
                a.shape == b.shape and torch.equal(a, b)
                for a, b in zip(reference, found, strict=True)
            )
            assert same == (field in unread), field

    def test_full_precision_under_autocast(self) -> None:
        objective = build_objective(**valid(self.name)).eval()
        features, labels = batch(objective, 9)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            reduced = objective(features.bfloat16(), labels).total
            scores = objective.scores(features[-1].bfloat16())
        assert reduced.dtype == scores.dtype == torch.float32
        torch.testing.assert_close(reduced, objective(features.bfloat16().float(), labels).total)

    def test_learns_separable_classes_and_predicts_them(self) -> None:
        objective = build_objective(**valid(self.name, augmentation="text"))
        encoder = torch.nn.Linear(WIDTH, WIDTH)
        labels = torch.randint(4, (64,))
        inputs = 3 * torch.eye(4, WIDTH)[labels] + 0.3 * torch.randn(64, WIDTH)
        optimiser = torch.optim.Adam([*objective.parameters(), *encoder.parameters()], lr=2e-2)
        for _ in range(40):
            optimiser.zero_grad()
            features = encoder(inputs).expand(len(objective.views), -1, -1)
            objective(features, labels).total.backward()
            optimiser.step()
        found = objective.eval().scores(encoder(inputs)).argmax(dim=-1)
        assert (found == labels).float().mean() > 0.95


def valid(name: str, **changes: Any) -> dict[str, Any]:
    """Settings of an objective that it does not refuse."""
    settings = {"objective": name, **changes}
    try:
        OBJECTIVES.get(name).check(configure(**settings))
    except InputError:
        settings = {"cross_entropy_weight": 0.5, **settings}
        OBJECTIVES.get(name).check(configure(**settings))
    return settings


def of_labels(objective: Objective, labels: list[int]) -> tuple[Tensor, Tensor]:
    """Random features of utterances with these labels."""
    features, _ = batch(objective, len(labels))
    return features, torch.tensor(labels)
