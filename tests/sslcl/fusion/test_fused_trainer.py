"""Trials trained as one program are their single runs, stop one by one and repeat bit for bit."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from sslcl.config import TrialConfig
from sslcl.data import Dataset, load_dataset
from sslcl.data.types import PAD_LABEL
from sslcl.errors import Diverged, InputError
from sslcl.fusion.compatibility import (
    BACKBONES_THAT_FUSE,
    STACKED_NUMBERS,
    as_group,
    common_part,
    fusible,
    group_of,
    place_in_group,
    why_not_fusible,
)
from sslcl.fusion.trainer import FusedTrainer, Outcome
from sslcl.training import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = {"conversations": 14}
DRY = {"dropout": 0.0, "label_embedding_dropout": 0.0}
WEIGHTS_AGREE = 2e-3
"""AdamW divides a gradient by its own size, so that rounding of a gradient near 0 shows."""


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset("synthetic", SMALL)


def config_of(**changes: Any) -> TrialConfig:
    base = {"hidden_size": 16, "epochs": 2, "batch_size": 3, "learning_rate": 1e-3}
    return TrialConfig.parse({"dataset_options": SMALL, "backbone": "utterance", **base, **changes})


def seeds(count: int, **changes: Any) -> list[TrialConfig]:
    return [config_of(seed=seed, **changes) for seed in range(count)]


def fit(trainer: FusedTrainer) -> list[dict[int, Outcome]]:
    history = []
    while not trainer.finished:
        history.append(trainer.fit_epoch())
    return history


def timeless(outcome: Outcome) -> dict[str, float]:
    assert isinstance(outcome, dict)
    return {name: value for name, value in outcome.items() if name != "seconds"}


def bits(trainer: FusedTrainer) -> list[dict[str, Tensor]]:
    return [member.model.state_dict() for member in trainer.members]


def same_bits(one: FusedTrainer, other: FusedTrainer) -> bool:
    pairs = zip(bits(one), bits(other), strict=True)
    return all(torch.equal(x, other[name]) for one, other in pairs for name, x in one.items())


CASES: list[dict[str, Any]] = [
    *({"backbone": name, "objective": "cross_entropy"} for name in BACKBONES_THAT_FUSE),
    *({"backbone": name} for name in BACKBONES_THAT_FUSE),
    {"backbone_options": {"layers": 2, "attention": "general2"}, "backbone": "recurrent"},
    {"logit_scale": "learned", "cross_entropy_weight": 0.5, "schedule": "cosine"},
    {"logit_scale": "fixed", "augmentation": "all_subsets", "label_embedding_depth": 0},
    {"logit_scale": "released", "augmentation": "none", "balance": "balanced"},
    {"weight_average": 0.0, "logit_scale": "matched"},
    {"weight_average": 0.9, "stop": "converged", "adam_eps": 1e-12},
    {"focus_positive": 0.0, "focus_negative": 0.0, "label_label_weight": 0.0},
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_a_member_is_its_single_run(case: dict[str, Any], data: Dataset) -> None:
    first = config_of(**DRY, **case)
    changes: dict[str, Any] = {"weight_decay": 0.1, "gradient_clip": 0.3, "scale": 3.0}
    if first.objective == "sslcl":
        changes |= {"focus_positive": 1.0, "focus_negative": 1.5, "label_label_weight": 0.7}
        changes |= {"class_weight_exponent": 0.0}
        changes |= {"cross_entropy_weight": 3 * first.cross_entropy_weight}
    changes["weight_average"] = first.weight_average / 2
    configs = [first, first.replace(seed=1), first.replace(seed=2, learning_rate=3e-3, **changes)]
    fused = FusedTrainer(configs, data)
    history = fit(fused)
    for number, config in enumerate(configs):
        single, member = Trainer(config, data), fused.members[number]
        for epoch in history:
            expected = timeless(single.fit_epoch())
            assert timeless(epoch[number]) == pytest.approx(expected, rel=1e-3, abs=1e-4)
        assert member.best_epoch == single.best_epoch
        weights = member.model.state_dict()
        for name, x in single.model.state_dict().items():
            torch.testing.assert_close(weights[name], x, atol=WEIGHTS_AGREE, rtol=WEIGHTS_AGREE)
        single.restore_best()
        member.restore_best()
        assert member.validation().predictions.tolist() == single.validation().predictions.tolist()


DROPPED = [
    {"dropout": 0.6},
    {"input_dropout": 0.4},
    {"dropout": 0.3, "label_embedding_dropout": 0.5, "learning_rate": 3e-3},
]


@pytest.mark.parametrize("backbone", BACKBONES_THAT_FUSE)
def test_a_member_without_dropout_is_its_single_run_beside_others_with(
    backbone: str, data: Dataset
) -> None:
    options = {"layers": 2} if backbone == "recurrent" else {}
    dry = config_of(**DRY, backbone=backbone, backbone_options=options)
    configs = [dry.replace(**DROPPED[0]), dry, *(dry.replace(**own) for own in DROPPED[1:])]
    one, other = FusedTrainer(configs, data), FusedTrainer(configs, data)
    curves = [[{n: timeless(o) for n, o in e.items()} for e in fit(t)] for t in (one, other)]
    assert curves[0] == curves[1]
    assert same_bits(one, other)
    single = Trainer(dry, data)
    for epoch in curves[0]:
        expected = timeless(single.fit_epoch())
        assert epoch[1] == pytest.approx(expected, rel=1e-3, abs=1e-4)
        assert all(epoch[number]["train_loss"] != epoch[1]["train_loss"] for number in (0, 2, 3))


@pytest.mark.parametrize("backbone", BACKBONES_THAT_FUSE)
def test_a_group_repeats_bit_for_bit(backbone: str, data: Dataset) -> None:
    configs = seeds(3, backbone=backbone, input_dropout=0.2)
    one, other = FusedTrainer(configs, data), FusedTrainer(configs, data)
    curves = [[{n: timeless(o) for n, o in e.items()} for e in fit(t)] for t in (one, other)]
    assert curves[0] == curves[1]
    assert same_bits(one, other)


def test_a_group_goes_on_from_a_checkpoint_with_the_same_bits(data: Dataset) -> None:
    configs = [config_of(epochs=3), config_of(epochs=1, seed=1), config_of(epochs=3, seed=2)]
    straight, broken, resumed = (FusedTrainer(configs, data) for _ in range(3))
    fit(straight)
    broken.fit_epoch()
    state = broken.state_dict()
    broken.fit_epoch()  # The state is a copy, which this must not reach.
    resumed.load_state_dict(state)
    fit(resumed)
    assert same_bits(straight, resumed)


def test_members_are_over_one_by_one(data: Dataset) -> None:
    configs = [config_of(epochs=1), config_of(epochs=3, seed=1), config_of(epochs=3, seed=2)]
    fused = FusedTrainer(configs, data)
    assert set(fused.fit_epoch()) == {0, 1, 2}
    kept = {name: x.clone() for name, x in fused.members[0].model.state_dict().items()}
    assert fused.running == (1, 2)
    fused.stop(2)
    assert set(fused.fit_epoch()) == {1}
    fit(fused)
    assert [member.epoch for member in fused.members] == [1, 3, 1]
    for name, x in fused.members[0].model.state_dict().items():
        assert torch.equal(x, kept[name])


def test_a_member_that_diverges_leaves_the_others_as_they_are(data: Dataset) -> None:
    wild = config_of(**DRY, seed=1, learning_rate=1e30)
    calm = config_of(**DRY)
    fused = FusedTrainer([calm, wild], data)
    outcomes = [fused.fit_epoch(), fused.fit_epoch()]
    assert any(isinstance(o, Diverged) for epoch in outcomes for o in epoch.values())
    single = Trainer(calm, data)
    for epoch in outcomes:
        expected = timeless(single.fit_epoch())
        assert timeless(epoch[0]) == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert fused.finished


def test_a_batch_without_labels_teaches_no_member(data: Dataset) -> None:
    silent, *others = data.train
    unlabelled = replace(silent, labels=torch.full_like(silent.labels, PAD_LABEL))
    partly = replace(data, train=(unlabelled, *others))
    configs = seeds(2, **DRY, batch_size=1)
    fused = FusedTrainer(configs, partly)
    outcomes = fused.fit_epoch()
    for number, config in enumerate(configs):
        single = Trainer(config, partly)
        expected = timeless(single.fit_epoch())
        assert timeless(outcomes[number]) == pytest.approx(expected, rel=1e-3, abs=1e-4)
        weights = fused.members[number].model.state_dict()
        for name, x in single.model.state_dict().items():
            torch.testing.assert_close(weights[name], x, atol=WEIGHTS_AGREE, rtol=WEIGHTS_AGREE)


def test_a_member_goes_on_alone(data: Dataset) -> None:
    configs = seeds(2, **DRY, epochs=3)
    fused = FusedTrainer(configs, data)
    fused.fit_epoch()
    alone, single = Trainer(configs[1], data), Trainer(configs[1], data)
    alone.load_state_dict(fused.members[1].state_dict())
    single.fit_epoch()
    expected, metrics = single.fit_epoch(), alone.fit_epoch()
    assert timeless(metrics) == pytest.approx(timeless(expected), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("name", sorted(STACKED_NUMBERS))
def test_a_group_is_read_back_from_any_of_its_members(name: str) -> None:
    one = config_of(logit_scale="fixed", cross_entropy_weight=0.5)
    other = one.replace(**{name: getattr(one, name) * 0.5 + 0.1}, seed=7)
    assert common_part(one) == common_part(other)
    assert why_not_fusible([one, other]) is None
    members = as_group([one, other, one.replace(seed=7)])
    assert members[0].fused_seeds == (0, 7, 7)
    assert list(members[0].fused_numbers) == [name]
    assert len({member.digest() for member in members}) == 3
    for place, member in enumerate(members):
        assert group_of(member) == members
        assert place_in_group(member) == place


@pytest.mark.parametrize(
    "changes",
    [{"hidden_size": 32}, {"weight_average": 0.0}, {"cross_entropy_weight": 1.0}, {"epochs": 5}],
)
def test_what_no_number_stacks_keeps_trials_apart(changes: dict[str, Any]) -> None:
    assert common_part(config_of()) != common_part(config_of(**changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hidden_size": 32}, "hidden_size differs: 16, 32"),
        ({"objective": "focal"}, "augmentation differs"),
        ({"batch_size": 4}, "batch_size differs: 3, 4"),
        ({"weight_average": 0.0}, "weight_average differs: 0.98, 0.0"),
        ({"cross_entropy_weight": 1.0}, "cross_entropy_weight differs: 0.0, 1.0"),
    ],
)
def test_what_differs_is_named(changes: dict[str, Any], reason: str) -> None:
    configs = [config_of(), config_of(**changes)]
    assert not fusible(configs)
    assert str(why_not_fusible(configs)).startswith(reason)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"backbone": "m3net"}, "backbone m3net has no fused form"),
        (
            {"backbone": "recurrent", "backbone_options": {"cell": "lstm"}},
            "cell lstm of backbone recurrent has no fused form",
        ),
        ({"precision": "bfloat16"}, "precision bfloat16 has no fused form"),
        ({"objective": "focal"}, "objective focal has no fused form"),
        ({"similarity": "cka"}, "similarity cka has no fused form"),
    ],
)
def test_what_has_no_fused_form_is_refused(
    changes: dict[str, Any], reason: str, data: Dataset
) -> None:
    configs = seeds(2, **changes)
    assert why_not_fusible(configs) == reason
    with pytest.raises(InputError, match=reason):
        FusedTrainer(configs, data)
