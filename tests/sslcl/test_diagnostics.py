"""The failure signatures are measured as defined, and their warnings fire where they should."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sslcl.config import TrialConfig
from sslcl.data import Dataset, load_dataset
from sslcl.diagnostics import (
    Finding,
    class_gains,
    convergence_findings,
    diagnose,
    label_cosines,
    label_geometry,
)
from sslcl.training import Trainer

DISTANCE = "label_embedding_distance_min"
RANK = "label_embedding_effective_rank"


def names(count: int) -> list[str]:
    return [f"class{k}" for k in range(count)]


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    assert len({f.name for f in findings}) == len(findings)
    return {f.name: f for f in findings}


def geometry(vectors: torch.Tensor) -> dict[str, Finding]:
    return by_name(label_geometry(vectors, names(len(vectors))))


def warned(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.warning}


# ---- label embeddings ----


@pytest.mark.parametrize("classes", range(2, 9))
def test_orthogonal_labels_are_a_simplex_of_full_rank(classes: int) -> None:
    found = geometry(torch.eye(classes) * 3)
    assert found[DISTANCE].value == pytest.approx(math.sqrt(2))
    assert found[RANK].value == pytest.approx(classes - 1)
    assert warned(found) == set()


def test_collapsed_labels_are_found() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.ones(7, 16) + 1e-4 * torch.randn(7, 16, generator=generator)
    found = geometry(vectors)
    assert found[DISTANCE].value < 1e-3
    assert warned(found) == {DISTANCE}
    found = geometry(torch.ones(7, 16))
    assert found[DISTANCE].value == 0
    assert found[RANK].value == pytest.approx(1, abs=0.01)
    assert warned(found) == {DISTANCE, RANK}


def test_the_collapsed_pair_is_named() -> None:
    vectors = torch.eye(5)
    vectors[3] = vectors[1] + 0.01
    warning = geometry(vectors)[DISTANCE].warning
    assert warning is not None
    assert "class1 and class3" in warning
    assert "label_label_weight" in warning


def test_labels_on_one_line_are_found() -> None:
    vectors = torch.tensor([[1.0, 0.0], [1.0, 0.001], [-1.0, 0.0], [-1.0, 0.001]])
    found = geometry(vectors)
    assert found[RANK].value == pytest.approx(1, abs=0.01)
    assert RANK in warned(found)
    # Three classes have a plane at most, and lie on a line when the middle one is unsure.
    assert RANK not in warned(geometry(vectors[:3]))


@pytest.mark.parametrize(("distance", "fires"), [(0.0999, True), (0.1001, False)])
def test_the_distance_warns_below_its_threshold(distance: float, fires: bool) -> None:
    angle = 2 * math.asin(distance / 2)
    vectors = torch.eye(4, dtype=torch.float64)
    vectors[1] = torch.tensor([math.cos(angle), math.sin(angle), 0, 0])
    found = geometry(vectors)
    assert found[DISTANCE].value == pytest.approx(distance)
    assert (DISTANCE in warned(found)) == fires


@settings(deadline=None)
@given(st.integers(2, 7), st.integers(2, 12), st.integers(0, 2**20), st.floats(1e-3, 1e3))
def test_distance_and_rank_are_as_defined(
    classes: int, width: int, seed: int, scale: float
) -> None:
    vectors = torch.randn(classes, width, generator=torch.Generator().manual_seed(seed))
    found = geometry(vectors * scale)
    units = [row / np.linalg.norm(row) for row in vectors.double().numpy()]
    smallest = min(
        float(np.linalg.norm(units[i] - units[j])) for i in range(classes) for j in range(i)
    )
    centred = np.array(units) - np.mean(units, axis=0)
    spectrum = np.linalg.svd(centred, compute_uv=False)
    share = spectrum / spectrum.sum()
    entropy = -sum(p * math.log(p) for p in share if p > 1e-12)
    # The vectors are float32, so cancellation leaves small distances with fewer digits.
    assert found[DISTANCE].value == pytest.approx(smallest, rel=1e-4, abs=1e-6)
    assert found[RANK].value == pytest.approx(math.exp(entropy), rel=1e-4)
    assert found[RANK].value <= classes - 1 + 1e-6


@settings(deadline=None)
@given(st.integers(2, 6), st.integers(2, 8), st.integers(0, 2**20), st.floats(1e-3, 1e3))
def test_cosines_are_as_defined(classes: int, width: int, seed: int, scale: float) -> None:
    vectors = torch.randn(classes, width, generator=torch.Generator().manual_seed(seed)).double()
    found = by_name(label_cosines(vectors * scale, names(classes)))
    expected = {}
    for i in range(classes):
        for j in range(i + 1, classes):
            a, b = vectors[i].numpy(), vectors[j].numpy()
            cosine = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
            expected[f"label_cosine:class{i}|class{j}"] = pytest.approx(cosine, abs=1e-9)
    assert {name: finding.value for name, finding in found.items()} == expected
    assert warned(found) == set()


# ---- gain of each class ----


def test_the_gain_is_what_f1_has_over_the_prior() -> None:
    gains = by_name(class_gains({"joy": 0.6, "fear": 0.1}, {"joy": 0.5, "fear": 0.2}))
    assert gains["class_gain:joy"].value == pytest.approx(0.1)
    assert gains["class_gain:fear"].value == pytest.approx(-0.1)
    assert warned(gains) == {"class_gain:fear"}
    assert "fear" in (gains["class_gain:fear"].warning or "")


# ---- a trained model ----


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("synthetic", {"conversations": 14})


def trained(data: Dataset, **changes: object) -> Trainer:
    base = {"hidden_size": 16, "epochs": 2, "batch_size": 4, "learning_rate": 5e-3}
    trainer = Trainer(TrialConfig.parse({**base, **changes}), data)
    while not trainer.finished:
        trainer.fit_epoch()
    trainer.restore_best()
    return trainer


def findings_of(trainer: Trainer, data: Dataset) -> dict[str, Finding]:
    metrics = trainer.validation().metrics
    f1 = {name: metrics[f"f1:{name}"] for name in data.label_names}
    return by_name(diagnose(trainer, data.label_names, f1))


@pytest.fixture(scope="module")
def trainer(data: Dataset) -> Trainer:
    return trained(data)


SIGNS = {"logit_std", "gradient_norm"}
EPS = "below_adam_eps_share"
ENDING = {"still_improving", "epochs_since_best", "late_gain", "steps"}


@pytest.mark.medium
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"objective": "cross_entropy"}, SIGNS),
        ({"similarity": "cosine"}, SIGNS | {DISTANCE, RANK}),
        ({"similarity": "soft_hgr"}, SIGNS | {DISTANCE, RANK, "penalty_share"}),
        ({"similarity": "soft_hgr_textbook"}, SIGNS | {DISTANCE, RANK, "penalty_share"}),
    ],
    ids=lambda value: str(sorted(value)),
)
def test_a_run_has_every_signature_that_applies(
    changes: dict[str, Any], expected: set[str], data: Dataset
) -> None:
    found = findings_of(trained(data, **changes), data)
    if DISTANCE in expected:
        pairs = combinations(data.label_names, 2)
        expected = expected | {f"label_cosine:{a}|{b}" for a, b in pairs}
    gains = {f"class_gain:{name}" for name in data.label_names}
    assert set(found) == expected | ENDING | gains | {EPS}
    assert all(math.isfinite(finding.value) for finding in found.values())


@pytest.mark.parametrize(
    ("scores", "fields", "improving"),
    [
        ([0.1, 0.2, 0.3], {"epochs": 3}, True),
        ([0.3, 0.2, 0.1], {"epochs": 3}, False),
        # Up at the last epoch, but the curve has been waited for.
        ([0.9, *[0.5] * 30, 0.6], {"epochs": 99, "stop": "converged", "patience": 2}, False),
        ([0.9, *[0.1, 0.2, 0.3, 0.4]], {"epochs": 5, "stop": "converged"}, True),
    ],
)
def test_a_trial_that_was_still_improving_is_found(
    data: Dataset, scores: list[float], fields: dict[str, Any], improving: bool
) -> None:
    trainer = Trainer(TrialConfig.parse({"hidden_size": 8, **fields}), data)
    trainer.scores, trainer.epoch, trainer.steps = scores, len(scores), 7
    found = by_name(convergence_findings(trainer))
    assert found["still_improving"].value == improving
    assert warned(found) == ({"still_improving"} if improving else set())
    assert found["steps"].value == 7


def test_measurements_are_those_of_the_best_epoch(trainer: Trainer, data: Dataset) -> None:
    found = findings_of(trainer, data)
    for name in (*SIGNS, "penalty_share"):
        assert found[name].value == trainer.best_metrics[name]
    vectors = trainer.model.objective.label_vectors()
    assert vectors is not None
    assert found[DISTANCE] == geometry(vectors)[DISTANCE]
    cosines = label_cosines(vectors, data.label_names)
    assert [found[cosine.name] for cosine in cosines] == cosines
    f1 = trainer.validation().metrics
    for name in data.label_names:
        gain = f1[f"f1:{name}"] - trainer.class_prior[name]
        assert found[f"class_gain:{name}"].value == pytest.approx(gain)


@pytest.mark.parametrize(
    ("name", "below", "above", "fires_above", "advice"),
    [
        ("logit_std", 0.0199, 0.0201, False, "logit_scale"),
        ("penalty_share", 0.249, 0.251, True, "batch_size"),
        ("gradient_norm", 19.9, 20.1, True, "learning_rate"),
    ],
)
def test_signs_warn_beyond_their_thresholds(
    name: str,
    below: float,
    above: float,
    fires_above: bool,
    advice: str,
    data: Dataset,
    trainer: Trainer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed = trainer.config.replace(gradient_clip=2.0, logit_scale="matched")
    monkeypatch.setattr(trainer, "config", changed)
    healthy = {"logit_std": 1.0, "penalty_share": 0.1, "gradient_norm": 1.0}
    for value, fires in ((below, not fires_above), (above, fires_above)):
        monkeypatch.setattr(trainer, "best_metrics", {**healthy, name: value})
        found = findings_of(trainer, data)
        assert warned(found) & set(healthy) == ({name} if fires else set())
        assert found[name].value == value
        assert advice in (found[name].warning or advice)


def test_released_logits_are_small_by_design_and_no_fault(data: Dataset) -> None:
    found = findings_of(trained(data, logit_scale="released", batch_size=8), data)
    assert found["logit_std"].value < 0.02
    assert "logit_std" not in warned(found)


def test_weights_whose_gradients_are_below_eps_are_counted(data: Dataset) -> None:
    """Adam's second moment after one step is 0.001 of the squared gradient, bias-corrected."""
    fresh = Trainer(TrialConfig(hidden_size=8, epochs=1), data)
    assert fresh.share_below_eps() == 0
    fresh.fit_epoch()
    parameters = list(fresh.model.parameters())
    for parameter in parameters:
        state = fresh.optimiser.state[parameter]
        state["step"].fill_(1)
        state["exp_avg_sq"].zero_()
    # Of four weights with a gradient, one has one of 5e-9 and one of exactly eps.
    first = fresh.optimiser.state[parameters[0]]["exp_avg_sq"].view(-1)
    gradients = torch.tensor([5e-9, 0.99e-8, 2e-8, 1e-3])
    first[:4] = 0.001 * gradients**2
    assert fresh.share_below_eps() == 0.5
    found = findings_of(fresh, data)
    assert "adam_eps" in (found[EPS].warning or "")
