"""What every backbone promises; a new one is tested as soon as its file exists."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.data.types import Batch
from sslcl.errors import InputError

from .cases import (
    FULL,
    VIEWS,
    build,
    by_conversation,
    conversations,
    every_backbone,
    every_case,
    one_view,
)


def respeak(batch: Batch, names: Sequence[int]) -> Batch:
    return replace(batch, speakers=torch.tensor(names)[batch.speakers] * batch.mask)


@every_case
def test_every_view_gives_one_finite_row_of_the_same_width_per_utterance(
    name: str, options: Any
) -> None:
    backbone = build(name, options)
    batch = Batch.of(conversations([4, 1, 7]))
    for view in VIEWS:
        features = one_view(backbone, batch, view)
        assert features.shape == (12, backbone.output_width)
        assert features.isfinite().all()


@every_backbone
@pytest.mark.parametrize("lengths", [[1], [1] * 32, [110], [110, 1, 2, 57] * 8], ids=str)
def test_batches_of_any_shape_give_finite_features(name: str, lengths: Any) -> None:
    backbone = build(name)
    with torch.no_grad():
        features = one_view(backbone, Batch.of(conversations(lengths)))
    assert features.shape == (sum(lengths), backbone.output_width)
    assert features.isfinite().all()


@every_case
def test_a_conversation_alone_has_the_features_it_has_in_any_batch(name: str, options: Any) -> None:
    backbone = build(name, options)
    chosen = conversations([3, 25, 1, 8])
    for alone, within in zip(chosen, by_conversation(backbone, chosen), strict=True):
        torch.testing.assert_close(
            by_conversation(backbone, [alone])[0], within, atol=1e-5, rtol=1e-5
        )


@every_backbone
@settings(max_examples=8, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 14), min_size=1, max_size=5), data=st.data(), seed=st.integers()
)
def test_the_order_of_conversations_moves_features_but_does_not_change_them(
    name: str, lengths: list[int], data: st.DataObject, seed: int
) -> None:
    backbone = build(name)
    chosen = conversations(lengths, seed=seed % 1000)
    order = data.draw(st.permutations(range(len(chosen))))
    plain = by_conversation(backbone, chosen)
    moved = by_conversation(backbone, [chosen[n] for n in order])
    for n, features in zip(order, moved, strict=True):
        torch.testing.assert_close(features, plain[n], atol=1e-5, rtol=1e-5)


@every_case
def test_what_lies_in_the_padding_is_never_read(name: str, options: Any) -> None:
    backbone = build(name, options)
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


@every_case
def test_every_parameter_receives_gradient_from_the_full_view(name: str, options: Any) -> None:
    backbone = build(name, options)
    features = one_view(backbone, Batch.of(conversations([12, 5, 12])))
    (features * torch.randn(features.shape)).sum().backward()
    for parameter, value in backbone.named_parameters():
        assert value.grad is not None, f"{parameter} is not used"
        assert value.grad.isfinite().all(), f"{parameter} has a gradient that is not finite"
        assert value.grad.abs().sum() > 0, f"{parameter} has no gradient"


@every_case
def test_a_view_does_not_read_the_modalities_outside_it(name: str, options: Any) -> None:
    backbone = build(name, options)
    batch = Batch.of(conversations([6, 2]))
    for view in VIEWS:
        poisoned = {m: x if m in view else x * torch.nan for m, x in batch.features.items()}
        there = {m: x for m, x in batch.features.items() if m in view}
        expected = one_view(backbone, batch, view)
        assert torch.equal(one_view(backbone, replace(batch, features=poisoned), view), expected)
        assert torch.equal(one_view(backbone, replace(batch, features=there), view), expected)


@every_backbone
def test_views_differ_and_each_of_their_modalities_is_read(name: str) -> None:
    backbone = build(name)
    batch = Batch.of(conversations([6, 4]))
    seen = [one_view(backbone, batch, view) for view in VIEWS]
    for n, one in enumerate(seen):
        assert not any(torch.allclose(one, other) for other in seen[:n])
    for view, expected in zip(VIEWS, seen, strict=True):
        for modality in view:
            other = {**batch.features, modality: batch.features[modality] + 1}
            changed = one_view(backbone, replace(batch, features=other), view)
            assert not torch.allclose(changed, expected)


@every_backbone
def test_an_absent_modality_is_not_a_modality_of_zeros(name: str) -> None:
    backbone = build(name)
    batch = Batch.of(conversations([6, 4]))
    zeros = {**batch.features, "audio": torch.zeros_like(batch.features["audio"])}
    silent = one_view(backbone, replace(batch, features=zeros))
    assert not torch.allclose(silent, one_view(backbone, batch, FULL - {"audio"}))


@every_backbone
def test_the_order_in_which_modalities_are_listed_does_not_matter(name: str) -> None:
    backbone = build(name)
    batch = Batch.of(conversations([6, 2]))
    turned = replace(batch, features=dict(reversed(list(batch.features.items()))))
    one = one_view(backbone, batch, frozenset(["text", "audio", "video"]))
    two = one_view(backbone, turned, frozenset(["video", "audio", "text"]))
    assert torch.equal(one, two)


@every_backbone
def test_views_that_make_no_sense_are_refused_in_one_line(name: str) -> None:
    backbone = build(name)
    batch = Batch.of(conversations([2]))
    with pytest.raises(InputError, match="empty: expected some of text, audio, video"):
        one_view(backbone, batch, frozenset())
    with pytest.raises(InputError, match=r"'vidoe'.*did you mean 'video'"):
        one_view(backbone, batch, frozenset(["text", "vidoe"]))


@every_case
def test_speakers_matter_as_declared(name: str, options: Any) -> None:
    backbone = build(name, options)
    batch = Batch.of(conversations([9, 6]))
    plain = one_view(backbone, batch)
    one_voice = one_view(backbone, respeak(batch, [0, 0, 0]))
    renamed = one_view(backbone, respeak(batch, [2, 0, 1]))
    assert torch.allclose(plain, one_voice, atol=1e-6) != backbone.uses_speakers
    assert torch.allclose(plain, renamed, atol=1e-6) != backbone.names_speakers
    assert backbone.uses_speakers or not backbone.names_speakers


@every_case
def test_other_utterances_and_their_order_matter_as_declared(name: str, options: Any) -> None:
    backbone = build(name, options)
    batch = Batch.of(conversations([6], speakers=1))
    turned = {m: x[:, [0, 1, 3, 2, 4, 5]] for m, x in batch.features.items()}
    features = one_view(backbone, batch)
    reordered = one_view(backbone, replace(batch, features=turned))
    others = [0, 1, 4, 5]
    same = torch.allclose(features[others], reordered[others], atol=1e-6)
    assert same != backbone.uses_context
    assert not torch.allclose(features[[2, 3]], reordered[[2, 3]])


@every_backbone
@pytest.mark.parametrize("speakers", [1, 9])
def test_any_number_of_participants_up_to_the_most_is_taken(name: str, speakers: int) -> None:
    backbone = build(name, speakers=speakers)
    chosen = conversations([20, 2], speakers=speakers)
    assert one_view(backbone, Batch.of(chosen)).isfinite().all()


@every_backbone
@pytest.mark.parametrize("widths", [{"text": 6}, {"audio": 1}, {"text": 1, "audio": 1, "video": 1}])
def test_datasets_of_one_modality_and_widths_of_one_work(name: str, widths: dict[str, Any]) -> None:
    backbone = build(name, widths=widths)
    batch = Batch.of(conversations([4, 2], widths))
    features = one_view(backbone, batch, frozenset(widths))
    assert features.shape == (6, backbone.output_width)
    features.sum().backward()


@every_case
def test_bfloat16_stays_near_float32_forward_and_backward(name: str, options: Any) -> None:
    backbone = build(name, options)
    batch = Batch.of(conversations([5, 9]))
    plain = one_view(backbone, batch).detach()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = one_view(backbone, batch)
    assert plain.dtype == torch.float32
    assert (low.float() - plain).norm() < 0.05 * plain.norm()
    low.float().sum().backward()
    assert all(p.grad.isfinite().all() for p in backbone.parameters() if p.grad is not None)


@every_case
def test_saved_weights_give_the_same_features_bit_for_bit(name: str, options: Any) -> None:
    first, second = build(name, options, seed=0), build(name, options, seed=1)
    batch = Batch.of(conversations([5, 2]))
    assert not torch.equal(one_view(first, batch), one_view(second, batch))
    second.load_state_dict(first.state_dict())
    assert torch.equal(one_view(first, batch), one_view(second, batch))


@every_backbone
def test_a_seed_decides_weights_and_dropout(name: str) -> None:
    batch = Batch.of(conversations([5, 2]))
    runs = [one_view(build(name, dropout=0.5, seed=3).train(), batch) for _ in range(2)]
    assert torch.equal(runs[0], runs[1])
    backbone = build(name, dropout=0.5, seed=3)
    assert torch.equal(one_view(backbone, batch), one_view(backbone, batch))
    backbone.train()
    assert not torch.equal(one_view(backbone, batch), one_view(backbone, batch))


@every_backbone
def test_a_batch_is_not_changed(name: str) -> None:
    batch = Batch.of(conversations([5, 2]))
    before = {m: x.clone() for m, x in batch.features.items()}
    speakers = batch.speakers.clone()
    one_view(build(name).train(), batch).sum().backward()
    assert all(torch.equal(x, before[m]) for m, x in batch.features.items())
    assert torch.equal(batch.speakers, speakers)


@every_backbone
def test_eight_conversations_can_be_learned_by_heart(name: str) -> None:
    backbone = build(name, hidden=32)
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


@every_backbone
def test_unknown_options_are_refused_with_the_nearest_name(name: str) -> None:
    fields = BACKBONES.get(name).Options.model_fields
    wrong = next(iter(fields), "layer") + "z"
    with pytest.raises(InputError, match=f"unknown key '{wrong}'") as refused:
        build(name, {wrong: 1})
    assert "\n" not in str(refused.value)


def test_a_hidden_size_that_the_heads_do_not_divide_is_refused_at_once() -> None:
    with pytest.raises(InputError, match=r"hidden_size 30 .* heads 4 .* such as 28 or 32"):
        TrialConfig.parse({"backbone": "transformer", "hidden_size": 30})
    with pytest.raises(InputError, match="such as 4"):
        build("transformer", hidden=2)


@every_backbone
def test_the_forward_pass_is_one_graph_unless_a_recurrent_network_forbids_it(name: str) -> None:
    backbone = build(name)
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
