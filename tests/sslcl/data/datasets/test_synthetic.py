"""The simulator follows its model, and the decoder of the model is exact."""

from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sslcl.data import Conversation, Dataset, load_dataset, measured_facts
from sslcl.data.datasets._ceiling import posterior, posterior_without_context
from sslcl.data.datasets._simulator import (
    CONTAGION,
    INERTIA,
    MELD_COUNTS,
    Simulator,
    class_prior,
    previous_others,
)


def members(dataset: Dataset) -> tuple[Conversation, ...]:
    assert dataset.test is not None
    return (*dataset.train, *dataset.validation, *dataset.test)


def test_prior_interpolates_geometrically() -> None:
    meld = np.array(MELD_COUNTS) / sum(MELD_COUNTS)
    assert class_prior(1.0) == pytest.approx(meld)
    assert class_prior(0.0) == pytest.approx(np.full(7, 1 / 7))
    half = np.sqrt(meld * (1 / 7))
    assert class_prior(0.5) == pytest.approx(half / half.sum())


@pytest.mark.parametrize("imbalance", [0.0, 0.5, 1.0])
def test_class_shares_follow_the_prior(imbalance: float) -> None:
    dataset = load_dataset("synthetic", {"imbalance": imbalance, "conversations": 700})
    labels = torch.cat([c.labels for c in members(dataset)])
    shares = torch.bincount(labels, minlength=7).numpy() / len(labels)
    # About 7,000 utterances that repeat one another: some three times the binomial variance.
    assert np.abs(shares - class_prior(imbalance)).max() < 0.03


def test_own_and_other_emotions_carry_over() -> None:
    dataset = load_dataset("synthetic", {"imbalance": 0.0, "conversations": 700})
    own, other = [], []
    for c in members(dataset):
        labels, speakers = c.labels.tolist(), c.speakers.tolist()
        last: dict[int, int] = {}
        others = previous_others(speakers)
        for label, speaker, neighbour in zip(labels, speakers, others, strict=True):
            if speaker in last and neighbour is not None and last[speaker] != last[neighbour]:
                own.append(label == last[speaker])
                other.append(label == last[neighbour])
            last[speaker] = label
    fresh = (1 - INERTIA - CONTAGION) / 7
    assert np.mean(own) == pytest.approx(INERTIA + fresh, abs=0.04)
    assert np.mean(other) == pytest.approx(CONTAGION + fresh, abs=0.04)


def test_the_last_other_speaker() -> None:
    assert previous_others([0, 0, 1, 1, 0, 2, 2, 1]) == [None, None, 0, 0, 1, 0, 0, 2]


def test_more_conversations_leave_the_first_ones_as_they_are() -> None:
    few = load_dataset("synthetic", {"conversations": 14})
    many = load_dataset("synthetic", {"conversations": 21})
    for split in ("train", "validation", "test"):
        for a, b in zip(getattr(few, split), getattr(many, split), strict=False):
            assert a.id == b.id
            assert torch.equal(a.labels, b.labels)
            assert torch.equal(a.features["text"], b.features["text"])


@pytest.mark.parametrize("change", [{"seed": 1}, {"noise": 0.9}, {"imbalance": 0.5}])
def test_each_option_changes_the_data(change: dict[str, float]) -> None:
    plain = load_dataset("synthetic", {"conversations": 7})
    other = load_dataset("synthetic", {"conversations": 7, **change})
    assert plain.fingerprint != other.fingerprint


def sampled(
    simulator: Simulator, length: int, seed: int = 0
) -> tuple[dict[str, np.ndarray], list[int]]:
    rng = np.random.default_rng(seed)
    while True:
        one = simulator.sample(rng)
        if len(one.speakers) >= length and one.speakers[:length].max() == 1:
            features = {name: x[:length] for name, x in one.features.items()}
            return features, one.speakers[:length].tolist()


def brute_force(
    simulator: Simulator, features: dict[str, np.ndarray], speakers: list[int]
) -> np.ndarray:
    """The posterior by enumerating every emotion sequence and every assignment of styles."""
    likelihood = np.exp(simulator.log_likelihood(features))
    length, prior = len(speakers), simulator.prior
    others = previous_others(speakers)
    total = np.zeros((length, 7))
    for sequence in product(range(7), repeat=length):
        chance = 1.0
        last: dict[int, int] = {}
        for emotion, speaker, other in zip(sequence, speakers, others, strict=True):
            own = float(emotion == last[speaker]) if speaker in last else prior[emotion]
            copied = prior[emotion] if other is None else float(emotion == last[other])
            fresh = prior[emotion] * (1 - INERTIA - CONTAGION)
            chance *= INERTIA * own + CONTAGION * copied + fresh
            last[speaker] = emotion
        for styles in product(range(2), repeat=max(speakers) + 1):
            seen = np.prod([likelihood[t, sequence[t], styles[s]] for t, s in enumerate(speakers)])
            total[np.arange(length), list(sequence)] += chance * seen
    posterior: NDArray[np.float64] = total / total.sum(axis=1, keepdims=True)
    return posterior


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("modalities", [("text", "audio", "video"), ("audio",)])
def test_smoothing_agrees_with_enumeration(seed: int, modalities: tuple[str, ...]) -> None:
    simulator = Simulator(imbalance=0.7, noise=1.0)
    features, speakers = sampled(simulator, 4, seed)
    features = {name: features[name] for name in modalities}
    got = posterior(simulator, features, speakers)
    assert got == pytest.approx(brute_force(simulator, features, speakers), abs=1e-10)


def test_one_utterance_has_no_context() -> None:
    simulator = Simulator(imbalance=1.0, noise=1.0)
    one = simulator.sample(np.random.default_rng(3))
    features = {name: x[:1] for name, x in one.features.items()}
    assert posterior(simulator, features, [0]) == pytest.approx(
        posterior_without_context(simulator, features)
    )


def test_likelihood_is_that_of_the_mixture() -> None:
    simulator = Simulator(imbalance=1.0, noise=0.8)
    one = simulator.sample(np.random.default_rng(5))
    got = simulator.log_likelihood({"text": one.features["text"]})
    means = simulator.means["text"]
    for t, emotion in product(range(3), range(7)):
        x = one.features["text"][t]
        densities = [
            share * np.exp(-np.sum((x - means[emotion, wording, 0]) ** 2) / (2 * 0.8**2))
            for wording, share in ((0, 0.85), (1, 0.15))
        ]
        assert got[t, emotion] == pytest.approx(np.log(sum(densities)))


def test_context_and_modalities_matter_and_the_ceiling_is_where_it_should_be() -> None:
    facts = measured_facts(load_dataset("synthetic"))
    best = facts["ceiling_weighted_f1"]
    assert 0.75 <= best <= 0.86
    assert best > facts["ceiling_weighted_f1_without_context"] + 0.05
    assert best > facts["ceiling_weighted_f1_text_only"] + 0.05
    text = facts["ceiling_weighted_f1_text_only_without_context"]
    assert 0.5 <= text <= 0.62
    assert facts["ceiling_weighted_f1_text_only"] > text + 0.03


def test_a_sealed_dataset_has_no_ceiling() -> None:
    dataset = load_dataset("synthetic", {"conversations": 35})
    assert measured_facts(dataset.sealed(), {"conversations": 35}) == {}


def test_text_tells_most_and_the_others_add_to_it() -> None:
    dataset = load_dataset("synthetic", {"conversations": 700})
    simulator = Simulator(imbalance=1.0, noise=1.0)

    def right(*modalities: str) -> float:
        hits = []
        for c in members(dataset):
            features = {name: c.features[name].double().numpy() for name in modalities}
            guess = posterior_without_context(simulator, features).argmax(1)
            hits.append(guess == c.labels.numpy())
        return float(np.concatenate(hits).mean())

    text = right("text")
    assert text > right("audio")
    assert text > right("video")
    assert right("text", "audio") > text + 0.03
    assert right("text", "video") > text + 0.03
    assert right("text", "audio", "video") > max(right("text", "audio"), right("text", "video"))


def test_speakers_and_lengths() -> None:
    dataset = load_dataset("synthetic")
    assert {int(c.speakers.max()) + 1 for c in members(dataset)} == {2, 3, 4}
    assert {len(c) for c in members(dataset)} == set(range(4, 17))
