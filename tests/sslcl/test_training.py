"""Training gives the same bits whatever is going on, chooses on validation, and learns."""

import hashlib
import io
import json
import math
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from torch import Tensor

from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.data import Conversation, Dataset, load_dataset
from sslcl.errors import Diverged, InputError
from sslcl.metrics import Score, confusion_matrix, scores_of
from sslcl.objectives import OBJECTIVES
from sslcl.similarities import SIMILARITIES
from sslcl.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = {"conversations": 14}
CASES: list[dict[str, Any]] = [
    *({"objective": "sslcl", "backbone": name} for name in BACKBONES.names()),
    {"objective": "cross_entropy", "augmentation": "none"},
    {"logit_scale": "learned", "scale": 5.0, "schedule": "cosine", "similarity": "cosine"},
    {"cross_entropy_weight": 0.5, "augmentation": "all_subsets", "input_dropout": 0.2},
]
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("synthetic", SMALL)


WITHOUT_PREDICTION = {"supcon", "supcon_multiview", "swfc"}
"""Objectives that cannot predict without the classifier that cross-entropy trains."""
OF_SAMPLE_AND_LABEL = [
    *(("sslcl", name) for name in SIMILARITIES.names()),
    *((name, "soft_hgr") for name in OBJECTIVES.names() if name != "sslcl"),
]
"""Every objective, and ``sslcl``, the one that reads it, with every similarity."""
WITH_BACKBONES = [
    *(("sslcl", name) for name in BACKBONES.names()),
    *((name, "recurrent") for name in OBJECTIVES.names() if name != "sslcl"),
]


def config_of(**changes: Any) -> TrialConfig:
    base = {"hidden_size": 16, "epochs": 3, "batch_size": 3, "learning_rate": 5e-3}
    if changes.get("objective") in WITHOUT_PREDICTION:
        base["cross_entropy_weight"] = 0.5
    return TrialConfig.parse({"dataset_options": SMALL, **base, **changes})


def timeless(metrics: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name != "seconds"}


def digest(tensors: dict[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(name.encode() + tensor.detach().contiguous().numpy().tobytes())
    return found.hexdigest()


def fit(trainer: Trainer, epochs: int | None = None) -> list[dict[str, float]]:
    """The metrics of each of the next ``epochs``, or of all that are left."""
    history: list[dict[str, float]] = []
    while not trainer.finished and len(history) != epochs:
        history.append(timeless(trainer.fit_epoch()))
    return history


def signature(trainer: Trainer, history: Sequence[dict[str, float]]) -> dict[str, Any]:
    """All that must be the same bits: metrics, last weights, best weights and predictions."""
    last = digest(trainer.model.state_dict())
    trainer.restore_best()
    return {
        "history": list(history),
        "last": last,
        "best": digest(trainer.model.state_dict()),
        "best_epoch": trainer.best_epoch,
        "predictions": trainer.validation().predictions.tolist(),
    }


def outcome(config: TrialConfig, dataset: Dataset) -> dict[str, Any]:
    trainer = Trainer(config, dataset)
    return signature(trainer, fit(trainer))


@pytest.fixture(scope="module")
def expected(data: Dataset) -> Callable[[TrialConfig], dict[str, Any]]:
    """The outcome of a configuration on ``data``, trained once for all tests."""
    known: dict[str, dict[str, Any]] = {}

    def of(config: TrialConfig) -> dict[str, Any]:
        if config.digest() not in known:
            known[config.digest()] = outcome(config, data)
        return known[config.digest()]

    return of


def with_train(dataset: Dataset, change: Any) -> Dataset:
    return replace(dataset, train=tuple(change(c) for c in dataset.train))


# ---- the same bits ----


@cases
def test_a_trial_is_the_same_bits_again_after_other_trials(
    case: dict[str, Any], data: Dataset, expected: Callable[[TrialConfig], dict[str, Any]]
) -> None:
    config = config_of(**case)
    first = expected(config)
    outcome(config_of(seed=7, backbone="utterance", epochs=1), data)
    torch.rand(11)
    assert outcome(config, data) == first


def test_another_seed_is_another_model(expected: Callable[[TrialConfig], dict[str, Any]]) -> None:
    one, two = (expected(config_of(seed=seed)) for seed in (0, 1))
    assert one["last"] != two["last"]


IN_ANOTHER_PROCESS = """
import json, sys
import torch
sys.path.insert(0, sys.argv[1])
torch.set_num_threads(1)
from test_training import config_of, load_dataset, outcome, SMALL
torch.rand(5)
data = load_dataset("synthetic", SMALL)
print(json.dumps([outcome(config_of(**case), data) for case in json.loads(sys.argv[2])]))
"""


def test_a_trial_is_the_same_bits_in_another_process(
    expected: Callable[[TrialConfig], dict[str, Any]],
) -> None:
    chosen = [CASES[0], CASES[-3]]
    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, os.path.dirname(__file__), json.dumps(chosen)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"},
    )
    here = [expected(config_of(**case)) for case in chosen]
    assert json.loads(done.stdout) == json.loads(json.dumps(here))


def test_trials_side_by_side_do_not_disturb_each_other(
    data: Dataset, expected: Callable[[TrialConfig], dict[str, Any]]
) -> None:
    configs = [config_of(**case) for case in CASES]
    trainers = [Trainer(config, data) for config in configs]
    histories: list[list[dict[str, float]]] = [[] for _ in configs]
    for _ in range(3):
        for trainer, history in zip(trainers, histories, strict=True):
            history += fit(trainer, 1)
    for config, trainer, history in zip(configs, trainers, histories, strict=True):
        assert signature(trainer, history) == expected(config)


@cases
def test_going_on_from_a_checkpoint_gives_the_same_bits(
    case: dict[str, Any], data: Dataset, expected: Callable[[TrialConfig], dict[str, Any]]
) -> None:
    config = config_of(**case)
    first = Trainer(config, data)
    history = fit(first, 2)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = Trainer(config, data)
    second.load_state_dict(torch.load(file, weights_only=True))
    history += fit(second)
    assert second.epoch == config.epochs
    assert signature(second, history) == expected(config)


def test_a_state_is_a_snapshot(
    data: Dataset, expected: Callable[[TrialConfig], dict[str, Any]]
) -> None:
    config = config_of()
    first = Trainer(config, data)
    history = fit(first, 1)
    state = first.state_dict()
    fit(first)
    for _ in range(2):  # Going on from it must not change it either.
        second = Trainer(config, data)
        second.load_state_dict(state)
        assert signature(second, history + fit(second)) == expected(config)


UNREAD = [
    ({"objective": "cross_entropy"}, {"similarity": "dot", "label_embedding_depth": 0}),
    ({"objective": "cross_entropy"}, {"augmentation": "none", "focus_positive": 0.0}),
    ({"label_embedding_depth": 0}, {"label_embedding_width": 8}),
    ({"logit_scale": "released"}, {"scale": 9.0}),
    ({"modalities": ("text",)}, {"augmentation": "none"}),
    ({"modalities": ("text", "audio")}, {"modalities": ("audio", "text")}),
    ({}, {"backbone_options": {"layers": 1}}),
]


@pytest.mark.parametrize(("base", "change"), UNREAD, ids=str)
def test_configurations_with_one_digest_train_one_model(
    base: dict[str, Any],
    change: dict[str, Any],
    data: Dataset,
    expected: Callable[[TrialConfig], dict[str, Any]],
) -> None:
    one, two = config_of(**base), config_of(**base | change)
    assert one.digest() == two.digest()
    assert outcome(two, data) == expected(one)


# ---- what is read ----


class Sealed(tuple[Conversation, ...]):
    """A test split that no one may look at."""

    def _refuse(self, *_: object) -> NoReturn:
        raise AssertionError("the test split was read")

    __iter__ = __len__ = __getitem__ = __contains__ = __bool__ = __eq__ = _refuse
    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("objective", OBJECTIVES.names())
def test_training_never_reads_the_test_split(
    objective: str, data: Dataset, expected: Callable[[TrialConfig], dict[str, Any]]
) -> None:
    config = config_of(objective=objective)
    assert data.test is not None
    poisoned = tuple(
        replace(
            c,
            labels=torch.full_like(c.labels, -7),
            features={name: torch.full_like(x, math.nan) for name, x in c.features.items()},
        )
        for c in data.test
    )
    for test in (Sealed(data.test), poisoned, None):
        assert outcome(config, replace(data, test=test)) == expected(config)


def test_validation_does_not_change_what_is_learned(
    data: Dataset, expected: Callable[[TrialConfig], dict[str, Any]]
) -> None:
    flipped = tuple(replace(c, labels=(c.labels + 1) % 7) for c in data.validation)
    one, two = expected(config_of()), outcome(config_of(), replace(data, validation=flipped))
    assert one["last"] == two["last"]
    assert one["history"] != two["history"]


# ---- the choice of the epoch ----


def test_the_first_best_epoch_on_validation_is_kept_and_put_back(data: Dataset) -> None:
    fields = {"learning_rate": 0.03, "backbone": "utterance", "weight_average": 0.0}
    trainer = Trainer(config_of(epochs=6, **fields), data)
    metrics, predictions = [], []
    while not trainer.finished:
        metrics.append(trainer.fit_epoch())
        predictions.append(trainer.validation().predictions)
    values = [m["validation_weighted_f1"] for m in metrics]
    best = int(np.argmax(values))
    assert len(set(values)) > 1
    assert (trainer.best_epoch, trainer.best_score) == (best + 1, values[best])
    assert trainer.best_metrics == metrics[best]
    trainer.restore_best()
    assert trainer.validation().predictions.tolist() == predictions[best].tolist()
    assert trainer.validation().metrics["weighted_f1"] == values[best]


@pytest.mark.parametrize("criterion", ["uar", "micro_f1-neutral"])
def test_the_criterion_chooses_the_epoch(criterion: str, data: Dataset) -> None:
    fields = {"learning_rate": 0.03, "backbone": "utterance", "criterion": criterion}
    trainer = Trainer(config_of(epochs=6, **fields), data)
    values = [epoch[f"validation_{criterion}"] for epoch in fit(trainer)]
    assert values == trainer.scores
    assert (trainer.best_epoch, trainer.best_score) == (int(np.argmax(values)) + 1, max(values))
    trainer.restore_best()
    found = trainer.validation()
    table = confusion_matrix(found.labels, found.predictions, len(data.label_names))
    assert found.metrics[criterion] == Score.named(criterion, data.label_names).of(table)
    assert found.metrics[criterion] == trainer.best_score


def test_a_criterion_of_other_classes_is_refused(data: Dataset) -> None:
    with pytest.raises(InputError, match="unknown score 'f1:boredom'"):
        Trainer(config_of(criterion="f1:boredom"), data)


@pytest.mark.parametrize(("patience", "epochs", "expected"), [(2, 9, 3), (1, 9, 2), (8, 4, 4)])
def test_training_stops_when_patience_or_epochs_run_out(
    patience: int, epochs: int, expected: int, data: Dataset
) -> None:
    # Steps too small to change a prediction: no epoch is better than the first.
    config = config_of(
        patience=patience,
        epochs=epochs,
        learning_rate=1e-12,
        objective="cross_entropy",
        backbone="utterance",
    )
    trainer = Trainer(config, data)
    fit(trainer)
    assert (trainer.epoch, trainer.best_epoch) == (expected, 1)


def test_a_better_epoch_renews_patience(data: Dataset) -> None:
    config = config_of(epochs=12, patience=2, learning_rate=0.03, backbone="utterance")
    trainer = Trainer(config, data)
    values = [m["validation_weighted_f1"] for m in fit(trainer)]
    assert trainer.best_epoch > 1
    assert len(values) in (trainer.best_epoch + 2, 12)
    leaders = [i for i, value in enumerate(values) if value > max(values[:i], default=-1.0)]
    assert max(np.diff([*leaders, len(values)])) <= 3


def test_before_the_first_epoch_there_is_nothing_to_put_back(data: Dataset) -> None:
    trainer = Trainer(config_of(), data)
    before = digest(trainer.model.state_dict())
    trainer.restore_best()
    assert digest(trainer.model.state_dict()) == before
    assert not trainer.finished


# ---- steps ----


@pytest.mark.parametrize("objective", OBJECTIVES.names())
def test_the_gradient_is_clipped_to_its_largest_norm(objective: str, data: Dataset) -> None:
    config = config_of(objective=objective, epochs=1, batch_size=100)
    for clip, scale in ((1e-3, None), (1e6, 1.0)):
        trainer = Trainer(config.replace(gradient_clip=clip), data)
        norm = trainer.fit_epoch()["gradient_norm"]
        grads = [p.grad for p in trainer.model.parameters() if p.grad is not None]
        used = float(torch.cat([g.flatten() for g in grads]).norm())
        assert norm > 1e-3
        assert used == pytest.approx(clip if scale is None else norm, rel=1e-3)


def test_the_learning_rate_is_constant_or_half_a_cosine(data: Dataset) -> None:
    for schedule in ("constant", "cosine"):
        config = config_of(schedule=schedule, epochs=4, learning_rate=0.01, backbone="utterance")
        rates = [m["learning_rate"] for m in fit(Trainer(config, data))]
        cosine = [0.01 * (1 + math.cos(math.pi * done / 4)) / 2 for done in range(4)]
        assert rates == pytest.approx(cosine if schedule == "cosine" else [0.01] * 4)


def test_the_schedule_reaches_the_optimiser(
    expected: Callable[[TrialConfig], dict[str, Any]],
) -> None:
    constant, cosine = (expected(config_of(schedule=s)) for s in ("constant", "cosine"))
    assert constant["history"][0] == cosine["history"][0]
    assert constant["last"] != cosine["last"]


# ---- numbers that are not finite ----


def spoilt(conversation: Conversation, value: float) -> Conversation:
    features = {name: x.clone() for name, x in conversation.features.items()}
    features["text"][0, 0] = value
    return replace(conversation, features=features)


@pytest.mark.parametrize("objective", OBJECTIVES.names())
def test_an_overflowing_loss_is_told(objective: str, data: Dataset) -> None:
    trainer = Trainer(config_of(learning_rate=1e30, objective=objective), data)
    with pytest.raises(Diverged, match="epoch 1") as caught:
        fit(trainer)
    assert (caught.value.epoch, caught.value.what) == (1, "train_loss")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.epoch, again.what) == (str(caught.value), 1, "train_loss")


def test_a_bad_step_is_not_taken(data: Dataset) -> None:
    trainer = Trainer(config_of(), with_train(data, lambda c: spoilt(c, math.nan)))
    before = digest(dict(trainer.model.named_parameters()))
    with pytest.raises(Diverged):
        trainer.fit_epoch()
    assert digest(dict(trainer.model.named_parameters())) == before
    assert trainer.best_epoch == 0


def test_the_last_step_of_all_may_diverge_too(data: Dataset) -> None:
    trainer = Trainer(config_of(learning_rate=1e30, batch_size=100, epochs=1), data)
    with pytest.raises(Diverged, match="class_scores"):
        trainer.fit_epoch()
    assert trainer.best_epoch == 0


def test_predictions_from_features_that_are_not_finite_are_refused(data: Dataset) -> None:
    trainer = Trainer(config_of(), data)
    trainer.fit_epoch()
    with pytest.raises(Diverged, match="class_scores is not finite in epoch 1"):
        trainer.evaluate(tuple(spoilt(c, math.inf) for c in data.validation))


@pytest.mark.parametrize("backbone", ["recurrent", "mmgcn"])
def test_modalities_left_out_at_test_time_change_the_test_alone(
    backbone: str, data: Dataset
) -> None:
    assert data.test is not None
    config = config_of(backbone=backbone)
    whole, masked = (
        Trainer(c, data) for c in (config, config.replace(test_modalities=("audio", "video")))
    )
    assert signature(whole, fit(whole)) == signature(masked, fit(masked))
    assert np.array_equal(whole.test(data.test).predictions, whole.evaluate(data.test).predictions)
    deaf = masked.test(tuple(without_text(c) for c in data.test))
    assert np.array_equal(masked.test(data.test).predictions, deaf.predictions)
    assert not np.array_equal(masked.test(data.test).predictions, whole.test(data.test).predictions)


def without_text(c: Conversation) -> Conversation:
    """The conversation with text features that say nothing, and would harm if they were read."""
    return replace(c, features={**c.features, "text": torch.full_like(c.features["text"], 1e3)})


# ---- awkward data ----


@pytest.mark.parametrize(("objective", "similarity"), OF_SAMPLE_AND_LABEL)
def test_conversations_of_one_utterance_train_one_at_a_time(
    objective: str, similarity: str, data: Dataset
) -> None:
    def first(c: Conversation) -> Conversation:
        features = {name: x[:1] for name, x in c.features.items()}
        return replace(
            c,
            utterance_ids=c.utterance_ids[:1],
            speakers=c.speakers[:1],
            labels=c.labels[:1],
            features=features,
        )

    short = replace(with_train(data, first), validation=tuple(first(c) for c in data.validation))
    config = config_of(objective=objective, similarity=similarity, batch_size=1, epochs=2)
    trainer = Trainer(config, short)
    fit(trainer)
    assert len(trainer.validation().predictions) == len(data.validation)


@pytest.mark.parametrize(("objective", "similarity"), OF_SAMPLE_AND_LABEL)
def test_a_class_may_be_missing_from_training(
    objective: str, similarity: str, data: Dataset
) -> None:
    without = with_train(data, lambda c: replace(c, labels=c.labels.where(c.labels != 2, 0)))
    trainer = Trainer(config_of(objective=objective, similarity=similarity, epochs=2), without)
    fit(trainer)
    name = data.label_names[2]
    assert trainer.class_prior[name] == 0
    assert sum(trainer.class_prior.values()) == pytest.approx(1)
    assert f"f1:{name}" in trainer.validation().metrics


def test_one_class_may_be_all_there_is(data: Dataset) -> None:
    only = with_train(data, lambda c: replace(c, labels=torch.zeros_like(c.labels)))
    for objective in OBJECTIVES.names():
        assert len(fit(Trainer(config_of(objective=objective), only))) == 3


@pytest.mark.parametrize(("objective", "backbone"), WITH_BACKBONES)
def test_bfloat16_trains_and_stays_repeatable(
    objective: str, backbone: str, data: Dataset, expected: Callable[[TrialConfig], dict[str, Any]]
) -> None:
    config = config_of(precision="bfloat16", objective=objective, backbone=backbone, epochs=1)
    found = expected(config)
    assert outcome(config, data) == found
    assert found["last"] != expected(config.replace(precision="float32"))["last"]


@pytest.mark.parametrize(
    "objective", [name for name in OBJECTIVES.names() if name != "supcon_multiview"]
)
@pytest.mark.parametrize("modality", ["text", "video"])
def test_one_modality_is_enough_and_the_others_are_not_read(
    objective: str, modality: str, data: Dataset, expected: Callable[[TrialConfig], dict[str, Any]]
) -> None:
    config = config_of(modalities=(modality,), objective=objective, epochs=2)

    def blind(c: Conversation) -> Conversation:
        others = {
            name: x if name == modality else torch.full_like(x, math.nan)
            for name, x in c.features.items()
        }
        return replace(c, features=others)

    blinded = replace(with_train(data, blind), validation=tuple(map(blind, data.validation)))
    assert outcome(config, blinded) == expected(config)


def test_a_modality_that_there_is_not_is_refused(data: Dataset) -> None:
    with pytest.raises(InputError, match=r"'vidoe'.*did you mean 'video'"):
        Trainer(config_of(modalities=("text", "vidoe")), data)


# ---- predictions ----


def test_predictions_name_their_utterances_in_order(data: Dataset) -> None:
    trainer = Trainer(config_of(epochs=1), data)
    trainer.fit_epoch()
    found = trainer.validation()
    pairs = [(c.id, u) for c in data.validation for u in c.utterance_ids]
    labels = np.concatenate([c.labels.numpy() for c in data.validation])
    assert list(zip(found.conversations, found.utterances, strict=True)) == pairs
    np.testing.assert_array_equal(found.labels, labels)
    table = confusion_matrix(labels, found.predictions, len(data.label_names))
    assert found.metrics == scores_of(table, data.label_names)


@pytest.mark.parametrize("objective", OBJECTIVES.names())
def test_it_learns(objective: str) -> None:
    options = {"conversations": 98, "noise": 0.4}
    data = load_dataset("synthetic", options)
    config = config_of(
        dataset_options=options, objective=objective, epochs=6, hidden_size=32, batch_size=6
    )
    trainer = Trainer(config, data)
    losses = [m["train_loss"] for m in fit(trainer)]
    assert losses[-1] < losses[0]
    trainer.restore_best()
    found = trainer.validation()
    majority = np.full_like(found.labels, np.bincount(found.labels).argmax())
    guess = scores_of(confusion_matrix(found.labels, majority, 7), data.label_names)
    assert found.metrics["accuracy"] > guess["accuracy"] + 0.1
    assert found.metrics["weighted_f1"] > guess["weighted_f1"] + 0.2
