"""What every backbone promises: inherit :class:`BackboneContract` in a test module."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from sslcl.backbones import BACKBONES, Backbone
from sslcl.data.types import Batch
from sslcl.errors import InputError
from sslcl.testing.backbone_cases import (
    FULL,
    VIEWS,
    build_backbone,
    by_conversation,
    conversations,
    one_view,
    option_levels,
)
from sslcl.validation import Scalar


class BackboneContract:
    """Tests of one backbone, at its default options and at each level of each option.

    Example:
        >>> class TestMine(BackboneContract):  # doctest: +SKIP
        ...     name = "mine"
    """

    name: ClassVar[str]
    """The backbone's name in the registry."""
    without_dropout: ClassVar[Mapping[str, Scalar]] = {}
    """Options that turn off dropout which has a probability of its own."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run a test that takes ``options`` at every level of every option."""
        if "options" in metafunc.fixturenames:
            levels = [options for _, options in option_levels(self.name)]
            metafunc.parametrize("options", levels, ids=_words)

    def test_every_view_gives_one_finite_row_of_the_same_width_per_utterance(
        self, options: dict[str, Scalar]
    ) -> None:
        backbone = build_backbone(self.name, options)
        batch = Batch.of(conversations([4, 1, 7]))
        for view in VIEWS:
            features = one_view(backbone, batch, view)
            assert features.shape == (12, backbone.output_width)
            assert features.isfinite().all()

    @pytest.mark.parametrize("lengths", [[1], [1] * 32, [110], [110, 1, 2, 57] * 8], ids=str)
    def test_batches_of_any_shape_give_finite_features(self, lengths: Any) -> None:
        backbone = build_backbone(self.name)
        with torch.no_grad():
            features = one_view(backbone, Batch.of(conversations(lengths)))
        assert features.shape == (sum(lengths), backbone.output_width)
        assert features.isfinite().all()

    def test_a_conversation_alone_has_the_features_it_has_in_any_batch(
        self, options: dict[str, Scalar]
    ) -> None:
        backbone = build_backbone(self.name, options)
        chosen = conversations([3, 25, 1, 8])
        for alone, within in zip(chosen, by_conversation(backbone, chosen), strict=True):
            torch.testing.assert_close(
                by_conversation(backbone, [alone])[0], within, atol=1e-5, rtol=1e-5
            )

    @settings(
        max_examples=8, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
    )
    @given(
        lengths=st.lists(st.integers(1, 14), min_size=1, max_size=5),
        data=st.data(),
        seed=st.integers(),
    )
    def test_the_order_of_conversations_moves_features_but_does_not_change_them(
        self, lengths: list[int], data: st.DataObject, seed: int
    ) -> None:
        backbone = build_backbone(self.name)
        chosen = conversations(lengths, seed=seed % 1000)
        order = data.draw(st.permutations(range(len(chosen))))
        plain = by_conversation(backbone, chosen)
        moved = by_conversation(backbone, [chosen[n] for n in order])
        for n, features in zip(order, moved, strict=True):
            torch.testing.assert_close(features, plain[n], atol=1e-5, rtol=1e-5)

    def test_what_lies_in_the_padding_is_never_read(self, options: dict[str, Scalar]) -> None:
        backbone = build_backbone(self.name, options)
        batch = Batch.of(conversations([3, 9]))
        padding = ~batch.mask
        noisy = replace(
            batch,
            features={m: x + 100 * padding[..., None] for m, x in batch.features.items()},
            speakers=batch.speakers + padding,
        )
        torch.testing.assert_close(
            one_view(backbone, noisy), one_view(backbone, batch), atol=1e-5, rtol=1e-5
        )

    def test_every_parameter_receives_gradient_from_the_full_view(
        self, options: dict[str, Scalar]
    ) -> None:
        backbone = build_backbone(self.name, options)
        features = one_view(backbone, Batch.of(conversations([12, 5, 12])))
        (features * torch.randn(features.shape)).sum().backward()
        for parameter, value in backbone.named_parameters():
            assert value.grad is not None, f"{parameter} is not used"
            assert value.grad.isfinite().all(), f"{parameter} has a gradient that is not finite"
            assert value.grad.abs().sum() > 0, f"{parameter} has no gradient"

    def test_a_view_does_not_read_the_modalities_outside_it(
        self, options: dict[str, Scalar]
    ) -> None:
        backbone = build_backbone(self.name, options)
        batch = Batch.of(conversations([6, 2]))
        for view in VIEWS:
            poisoned = {m: x if m in view else x * torch.nan for m, x in batch.features.items()}
            there = {m: x for m, x in batch.features.items() if m in view}
            expected = one_view(backbone, batch, view)
            assert torch.equal(
                one_view(backbone, replace(batch, features=poisoned), view), expected
            )
            assert torch.equal(one_view(backbone, replace(batch, features=there), view), expected)

    def test_views_differ_and_each_of_their_modalities_is_read(self) -> None:
        backbone = build_backbone(self.name)
        batch = Batch.of(conversations([6, 4]))
        seen = [one_view(backbone, batch, view) for view in VIEWS]
        for n, one in enumerate(seen):
            assert not any(torch.allclose(one, other) for other in seen[:n])
        for view, expected in zip(VIEWS, seen, strict=True):
            for modality in view:
                other = {**batch.features, modality: batch.features[modality] + 1}
                changed = one_view(backbone, replace(batch, features=other), view)
                assert not torch.allclose(changed, expected)

    def test_an_absent_modality_is_not_a_modality_of_zeros(self) -> None:
        backbone = build_backbone(self.name)
        batch = Batch.of(conversations([6, 4]))
        zeros = {**batch.features, "audio": torch.zeros_like(batch.features["audio"])}
        silent = one_view(backbone, replace(batch, features=zeros))
        assert not torch.allclose(silent, one_view(backbone, batch, FULL - {"audio"}))

    def test_the_order_in_which_modalities_are_listed_does_not_matter(self) -> None:
        backbone = build_backbone(self.name)
        batch = Batch.of(conversations([6, 2]))
        turned = replace(batch, features=dict(reversed(list(batch.features.items()))))
        one = one_view(backbone, batch, frozenset(["text", "audio", "video"]))
        two = one_view(backbone, turned, frozenset(["video", "audio", "text"]))
        assert torch.equal(one, two)

    def test_views_that_make_no_sense_are_refused_in_one_line(self) -> None:
        backbone = build_backbone(self.name)
        batch = Batch.of(conversations([2]))
        with pytest.raises(InputError, match="empty: expected some of text, audio, video"):
            one_view(backbone, batch, frozenset())
        with pytest.raises(InputError, match=r"'vidoe'.*did you mean 'video'"):
            one_view(backbone, batch, frozenset(["text", "vidoe"]))

    def test_speakers_matter_as_declared(self, options: dict[str, Scalar]) -> None:
        backbone = build_backbone(self.name, options)
        batch = Batch.of(conversations([9, 6]))
        plain = one_view(backbone, batch)
        one_voice = one_view(backbone, respeak(batch, [0, 0, 0]))
        renamed = one_view(backbone, respeak(batch, [2, 0, 1]))
        assert torch.allclose(plain, one_voice, atol=1e-6) != backbone.uses_speakers
        assert torch.allclose(plain, renamed, atol=1e-6) != backbone.names_speakers
        assert backbone.uses_speakers or not backbone.names_speakers

    def test_other_utterances_and_their_order_matter_as_declared(
        self, options: dict[str, Scalar]
    ) -> None:
        backbone = build_backbone(self.name, options)
        batch = Batch.of(conversations([6], speakers=1))
        turned = {m: x[:, [0, 1, 3, 2, 4, 5]] for m, x in batch.features.items()}
        features = one_view(backbone, batch)
        reordered = one_view(backbone, replace(batch, features=turned))
        others = [0, 1, 4, 5]
        same = torch.allclose(features[others], reordered[others], atol=1e-6)
        assert same != backbone.uses_context
        assert not torch.allclose(features[[2, 3]], reordered[[2, 3]])

    @pytest.mark.parametrize("speakers", [1, 9])
    def test_any_number_of_participants_up_to_the_most_is_taken(self, speakers: int) -> None:
        backbone = build_backbone(self.name, speakers=speakers)
        chosen = conversations([20, 2], speakers=speakers)
        assert one_view(backbone, Batch.of(chosen)).isfinite().all()

    @pytest.mark.parametrize(
        "widths", [{"text": 6}, {"audio": 1}, {"text": 1, "audio": 1, "video": 1}]
    )
    def test_datasets_of_one_modality_and_widths_of_one_work(self, widths: dict[str, Any]) -> None:
        backbone = build_backbone(self.name, widths=widths)
        batch = Batch.of(conversations([4, 2], widths))
        features = one_view(backbone, batch, frozenset(widths))
        assert features.shape == (6, backbone.output_width)
        features.sum().backward()

    def test_bfloat16_stays_near_float32_forward_and_backward(
        self, options: dict[str, Scalar]
    ) -> None:
        backbone = build_backbone(self.name, options)
        batch = Batch.of(conversations([5, 9]))
        plain = one_view(backbone, batch).detach()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            low = one_view(backbone, batch)
        assert plain.dtype == torch.float32
        assert (low.float() - plain).norm() < 0.05 * plain.norm()
        low.float().sum().backward()
        assert all(p.grad.isfinite().all() for p in backbone.parameters() if p.grad is not None)

    def test_saved_weights_give_the_same_features_bit_for_bit(
        self, options: dict[str, Scalar]
    ) -> None:
        first, second = (
            build_backbone(self.name, options, seed=0),
            build_backbone(self.name, options, seed=1),
        )
        batch = Batch.of(conversations([5, 2]))
        assert not torch.equal(one_view(first, batch), one_view(second, batch))
        second.load_state_dict(first.state_dict())
        assert torch.equal(one_view(first, batch), one_view(second, batch))

    def test_a_seed_decides_weights_and_dropout(self) -> None:
        batch = Batch.of(conversations([5, 2]))
        runs = [
            one_view(build_backbone(self.name, dropout=0.5, seed=3).train(), batch)
            for _ in range(2)
        ]
        assert torch.equal(runs[0], runs[1])
        backbone = build_backbone(self.name, dropout=0.5, seed=3)
        assert torch.equal(one_view(backbone, batch), one_view(backbone, batch))
        backbone.train()
        assert not torch.equal(one_view(backbone, batch), one_view(backbone, batch))

    def test_a_batch_is_not_changed(self) -> None:
        batch = Batch.of(conversations([5, 2]))
        before = {m: x.clone() for m, x in batch.features.items()}
        speakers = batch.speakers.clone()
        one_view(build_backbone(self.name).train(), batch).sum().backward()
        assert all(torch.equal(x, before[m]) for m, x in batch.features.items())
        assert torch.equal(batch.speakers, speakers)

    def test_eight_conversations_can_be_learned_by_heart(self) -> None:
        backbone = build_backbone(self.name, hidden=32)
        head = nn.Linear(backbone.output_width, 3)
        batch = Batch.of(conversations([3, 6, 5, 4, 6, 2, 5, 4]))
        optimiser = torch.optim.Adam([*backbone.parameters(), *head.parameters()], lr=0.01)
        for _ in range(150):
            scores = head(one_view(backbone, batch))
            if (right := (scores.argmax(1) == batch.valid_labels).float().mean().item()) == 1.0:
                break
            optimiser.zero_grad()
            nn.functional.cross_entropy(scores, batch.valid_labels).backward()
            optimiser.step()
        assert right == 1.0

    def test_unknown_options_are_refused_with_the_nearest_name(self) -> None:
        fields = BACKBONES.get(self.name).Options.model_fields
        wrong = next(iter(fields), "layer") + "z"
        with pytest.raises(InputError, match=f"unknown key '{wrong}'") as refused:
            build_backbone(self.name, {wrong: 1})
        assert "\n" not in str(refused.value)

    def test_the_forward_pass_is_one_graph_unless_a_recurrent_network_forbids_it(self) -> None:
        backbone = build_backbone(self.name)
        batch = Batch.of(conversations([3, 5]))
        torch.compiler.reset()
        settings = {"capture_dynamic_output_shape_ops": True, "capture_scalar_outputs": True}
        with torch._dynamo.config.patch(settings):
            compiled = torch.compile(
                lambda given: one_view(backbone, given), backend="eager", fullgraph=True
            )
            if any(isinstance(part, nn.RNNBase) for part in backbone.modules()):
                with pytest.raises(torch._dynamo.exc.Unsupported, match="RNN, GRU, or LSTM"):
                    compiled(batch)
            else:
                torch.testing.assert_close(
                    compiled(batch), one_view(backbone, batch), atol=1e-5, rtol=1e-5
                )

    def test_stacked_views_are_the_views_one_by_one(self, options: dict[str, Scalar]) -> None:
        backbone = build_backbone(self.name, options)
        batch = Batch.of(conversations([4, 1, 7]))
        for views in (VIEWS, VIEWS[::-1], VIEWS[2:3], (FULL, VIEWS[1], FULL)):
            stacked = backbone.features(batch, views)
            alone = torch.stack([one_view(backbone, batch, view) for view in views])
            torch.testing.assert_close(stacked, alone, atol=1e-5, rtol=1e-5)

    def test_stacked_views_have_the_gradients_of_the_views_one_by_one(
        self, options: dict[str, Scalar]
    ) -> None:
        given = {**options, **self.without_dropout}
        batch, ways = Batch.of(conversations([4, 1, 7])), []
        for stacked in (True, False):
            backbone = build_backbone(self.name, given).train()
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

    def test_a_conversation_alone_has_the_stacked_views_it_has_in_any_batch(self) -> None:
        backbone, chosen = build_backbone(self.name), conversations([3, 25, 1, 8])
        together = backbone.features(Batch.of(chosen), VIEWS).split([len(c) for c in chosen], dim=1)
        for conversation, within in zip(chosen, together, strict=True):
            alone = backbone.features(Batch.of([conversation]), VIEWS)
            torch.testing.assert_close(alone, within, atol=1e-5, rtol=1e-5)

    def test_a_stacked_view_does_not_depend_on_modalities_outside_it(self) -> None:
        backbone, batch = build_backbone(self.name), Batch.of(conversations([6, 2]))
        changed = replace(batch, features={**batch.features, "audio": batch.features["audio"] + 1})
        before, after = backbone.features(batch, VIEWS), backbone.features(changed, VIEWS)
        for v, view in enumerate(VIEWS):
            assert torch.allclose(before[v], after[v], atol=1e-6) != ("audio" in view)

    def test_a_backbone_says_whether_it_stacks_views(self) -> None:
        cls = BACKBONES.get(self.name)
        assert cls.stacks_views == (cls.features is not Backbone.features)
        assert cls.stacks_views != (cls.view_features is not Backbone.view_features)


def _words(options: Mapping[str, Scalar]) -> str:
    return ",".join(f"{key}={value}" for key, value in options.items()) or "defaults"


def respeak(batch: Batch, names: Sequence[int]) -> Batch:
    """The batch with participant ``n`` called ``names[n]``."""
    return replace(batch, speakers=torch.tensor(names)[batch.speakers] * batch.mask)
