"""The whole model: standardisation, views, and serving one conversation."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.data import Batch, Dataset, load_dataset
from sslcl.data.types import View
from sslcl.errors import InputError
from sslcl.model import ConversationScorer, SSLCLModel, Standardiser, chosen_modalities
from sslcl.objectives import OBJECTIVES


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("synthetic", {"conversations": 14})


def model_of(data: Dataset, **changes: object) -> SSLCLModel:
    torch.manual_seed(0)
    return SSLCLModel(TrialConfig.parse({"hidden_size": 16, **changes}), data)


@settings(deadline=None)
@given(st.integers(1, 30), st.floats(-1e3, 1e3), st.floats(0.1, 1e3), st.integers(0, 2**20))
def test_standardised_features_have_mean_0_and_variance_1(
    rows: int, shift: float, scale: float, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 4, generator=draw) * scale + shift
    found = Standardiser(x)(x[None], torch.ones(1, rows, dtype=torch.bool))[0]
    wide = x.double().numpy()
    spread = wide.std(axis=0)
    expected = (wide - wide.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    # Single precision resolves the shift to about 1e-7 of itself.
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5 * (1 + abs(shift) / scale))


@pytest.mark.parametrize("value", [0.0, 3.5, -1e6])
def test_a_constant_feature_carries_nothing_and_stays_finite(value: float) -> None:
    standardise = Standardiser(torch.full((5, 2), value))
    mask = torch.ones(1, 3, dtype=torch.bool)
    assert not standardise(torch.full((1, 3, 2), value), mask).any()
    assert standardise(torch.full((1, 3, 2), value + 1), mask).isfinite().all()


@pytest.mark.parametrize("exponent", [-30, -8, -3, 0, 3, 8])
def test_features_in_any_unit_are_standardised_alike(exponent: int) -> None:
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)) + 2
    expected = Standardiser(x).rows(x)
    scaled = x * 10.0**exponent
    torch.testing.assert_close(Standardiser(scaled).rows(scaled), expected, rtol=1e-4, atol=1e-5)


def test_padding_stays_zero() -> None:
    standardise = Standardiser(torch.randn(6, 2) + 5)
    mask = torch.tensor([[True, True, False]])
    assert not standardise(torch.zeros(1, 3, 2), mask)[0, 2].any()


def test_standardisation_and_prior_come_from_the_training_split(data: Dataset) -> None:
    model = model_of(data)
    rows = torch.cat([c.features["text"] for c in data.train]).double()
    found = model.standardise["text"]
    torch.testing.assert_close(found.mean, rows.mean(dim=0).float())
    torch.testing.assert_close(found.std, rows.std(dim=0, unbiased=False).float())
    labels = torch.cat([c.labels for c in data.train])
    shares = [float((labels == k).float().mean()) for k in range(len(data.label_names))]
    assert model.class_prior.tolist() == pytest.approx(shares)


PAIRS = [
    *(("sslcl", name) for name in BACKBONES.names()),
    *((name, "recurrent") for name in OBJECTIVES.names() if name != "sslcl"),
]


@pytest.mark.parametrize(("objective", "backbone"), PAIRS)
def test_a_served_conversation_scores_as_in_its_batch(
    backbone: str, objective: str, data: Dataset
) -> None:
    # Every objective accepts a classifier beside it, and some cannot predict without one.
    model = model_of(data, backbone=backbone, objective=objective, cross_entropy_weight=0.5)
    model.loss(Batch.of(data.train))  # Running means and logit scale are no longer the first ones.
    model.eval()
    scorer = ConversationScorer(model, [data.modalities[name] for name in model.modalities])
    with torch.no_grad():
        together = model.scores(Batch.of(data.validation)).split([len(c) for c in data.validation])
        for conversation, expected in zip(data.validation, together, strict=True):
            rows = scorer.rows(conversation)
            assert rows.shape == (len(conversation), sum(data.modalities.values()) + 1)
            torch.testing.assert_close(scorer(rows), expected, atol=1e-5, rtol=1e-4)
            # Serving may hand over double precision.
            torch.testing.assert_close(scorer(rows.double()), scorer(rows))


def test_serving_needs_the_chosen_modalities_only(data: Dataset) -> None:
    model = model_of(data, modalities=("video", "text")).eval()
    scorer = ConversationScorer(model, [data.modalities[name] for name in model.modalities])
    conversation = data.validation[0]
    with torch.no_grad():
        expected = model.scores(Batch.of([conversation]))
        torch.testing.assert_close(scorer(scorer.rows(conversation)), expected)


def test_modalities_are_in_the_order_of_the_dataset(data: Dataset) -> None:
    config = TrialConfig(modalities=("video", "text"))
    assert chosen_modalities(config, data) == ("text", "video")
    assert chosen_modalities(TrialConfig(), data) == tuple(data.modalities)
    with pytest.raises(InputError) as caught:
        chosen_modalities(TrialConfig(modalities=("txt",)), data)
    assert str(caught.value) == (
        "unknown modality 'txt' in dataset 'synthetic': did you mean 'text'? "
        "(valid: audio, text, video)"
    )


def test_all_views_of_a_batch_share_one_mask_of_input_dropout(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(data, input_dropout=0.5, augmentation="all_subsets")
    real = model.backbone.features
    seen: list[Tensor] = []

    def features(batch: Batch, views: Sequence[View]) -> Tensor:
        assert len(views) == 7
        seen.append(batch.features["text"])
        return real(batch, views)

    monkeypatch.setattr(model.backbone, "features", features)
    model.train()
    model.loss(Batch.of(data.train))
    assert len(seen) == 1
    assert (seen[0] == 0).float().mean() > 0.4
    model.loss(Batch.of(data.train))
    assert not torch.equal(seen[0], seen[-1])


def test_the_model_does_not_read_labels_to_score(data: Dataset) -> None:
    model = model_of(data).eval()
    batch = Batch.of(data.validation)
    blind = Batch(
        batch.features, batch.speakers, torch.full_like(batch.labels, 99), batch.mask, batch.lengths
    )
    with torch.no_grad():
        assert torch.equal(model.scores(batch), model.scores(blind))
