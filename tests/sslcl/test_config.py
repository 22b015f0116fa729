"""A configuration is validated, frozen, and the same trial has one digest."""

import json
import subprocess
import sys
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sslcl.augmentation import AUGMENTATIONS
from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.data import CATALOG
from sslcl.errors import InputError
from sslcl.objectives import OBJECTIVES
from sslcl.similarities import SIMILARITIES

FOLD: dict[str, Any] = {"folds": "5", "fold": "1"}
"""Neither goes without the other."""
GROUP: dict[str, Any] = {"fused_seeds": (0, 0), "fused_numbers": {"learning_rate": (1e-3, 0.1)}}
"""The numbers go with the seeds only."""
OTHER: dict[str, Any] = {
    "balance": "balanced",
    "dataset": "mosi",
    "dataset_options": {"noise": 2.0},
    "modalities": ("audio", "video"),
    "test_modalities": ("text",),
    **FOLD,
    "backbone": "utterance",
    "hidden_size": 32,
    "dropout": 0.1,
    "input_dropout": 0.1,
    "backbone_options": {"layers": 2},
    "objective": "cross_entropy",
    "similarity": "cosine",
    "logit_scale": "learned",
    "scale": 2.0,
    "focus_positive": 0.0,
    "focus_negative": 1.0,
    "class_weight_exponent": 0.0,
    "label_label_weight": 0.0,
    "cross_entropy_weight": 0.5,
    "label_embedding_depth": 3,
    "label_embedding_width": 64,
    "label_embedding_dropout": 0.0,
    "augmentation": "none",
    "learning_rate": 1e-4,
    "weight_decay": 0.0,
    "inference": "probe",
    "adam_eps": 1e-12,
    "weight_average": 0.9,
    "schedule": "cosine",
    "batch_size": 8,
    "epochs": 5,
    "stop": "converged",
    "criterion": "macro_f1",
    "patience": 2,
    "gradient_clip": 5.0,
    "seed": 1,
    "fused_seeds": (0, 1),
    "fused_numbers": {},
    "precision": "bfloat16",
}
"""For each field a value that is not its default."""

VALUES = st.fixed_dictionaries(
    # Every objective accepts these: a classifier beside it, and more views than one.
    {
        "cross_entropy_weight": st.floats(1e-3, 10),
        "augmentation": st.sampled_from([name for name in AUGMENTATIONS if name != "none"]),
    },
    optional={
        "dataset_options": st.fixed_dictionaries({}, optional={"noise": st.floats(0.1, 10)}),
        "modalities": st.permutations(["text", "audio", "video"]).map(tuple),
        "test_modalities": st.permutations(["text", "audio", "video"]).flatmap(
            lambda names: st.integers(1, 3).map(lambda n: tuple(names[:n]))
        ),
        "backbone": st.sampled_from(BACKBONES.names()),
        "hidden_size": st.integers(1, 64).map(lambda n: 8 * n),
        "dropout": st.floats(0, 0.9),
        "objective": st.sampled_from(OBJECTIVES.names()),
        "similarity": st.sampled_from(SIMILARITIES.names()),
        "logit_scale": st.sampled_from(["released", "fixed", "learned", "matched"]),
        "scale": st.floats(1e-3, 1e3),
        "label_embedding_depth": st.integers(0, 6),
        "learning_rate": st.floats(1e-8, 1),
        "seed": st.integers(0, 2**31 - 1),
    },
)

BASES: dict[str, dict[str, Any]] = {
    "default": {},
    "cross_entropy": {"objective": "cross_entropy"},
    "free label vectors": {"label_embedding_depth": 0},
    "matched": {"logit_scale": "matched"},
    "released": {"logit_scale": "released"},
    "released cross_entropy": {"logit_scale": "released", "objective": "cross_entropy"},
    "one modality": {"modalities": ("text",)},
}

LABEL_EMBEDDING_FIELDS = {
    "similarity",
    "focus_positive",
    "inference",
    "focus_negative",
    "class_weight_exponent",
    "label_label_weight",
    "cross_entropy_weight",
    "label_embedding_depth",
    "label_embedding_width",
    "label_embedding_dropout",
    "augmentation",
}
UNREAD: dict[str, set[str]] = {
    "default": {"scale"},
    "matched": set(),
    "cross_entropy": LABEL_EMBEDDING_FIELDS,
    "free label vectors": {"label_embedding_width", "scale"},
    "released": {"scale"},
    "released cross_entropy": LABEL_EMBEDDING_FIELDS | {"scale"},
    "one modality": {"augmentation", "test_modalities", "scale"},
}


@settings(deadline=None)
@given(VALUES, st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_keys(
    values: dict[str, Any], random: Random
) -> None:
    config = TrialConfig.parse(values)
    items = list(values.items())
    random.shuffle(items)
    assert TrialConfig.parse(dict(items)).digest() == config.digest()
    assert len(config.digest()) == 64


@settings(deadline=None)
@given(VALUES)
def test_the_canonical_form_is_json_that_reads_back_as_the_same_trial(
    values: dict[str, Any],
) -> None:
    config = TrialConfig.parse(values)
    text = json.dumps(config.canonical(), allow_nan=False)
    again = TrialConfig.parse(json.loads(text))
    assert again.digest() == config.digest()
    assert again.canonical() == config.canonical()


@settings(deadline=None)
@given(VALUES, VALUES)
def test_trials_share_a_digest_exactly_when_they_share_the_canonical_form(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    first, second = TrialConfig.parse(one), TrialConfig.parse(two)
    assert (first.digest() == second.digest()) == (first.canonical() == second.canonical())


def test_the_default_criterion_leaves_identities_as_they_were() -> None:
    assert "criterion" not in TrialConfig().canonical()
    assert TrialConfig(criterion="weighted_f1").digest() == TrialConfig().digest()
    assert TrialConfig(criterion="uar").canonical()["criterion"] == "uar"


@pytest.mark.parametrize("field", sorted(TrialConfig.model_fields))
@pytest.mark.parametrize("base", BASES)
def test_a_field_changes_the_digest_exactly_when_it_is_read(base: str, field: str) -> None:
    config = TrialConfig.parse(BASES[base])
    default = TrialConfig.model_fields[field].get_default(call_default_factory=True)
    now = getattr(config, field)
    changes = {field: OTHER[field] if now == default else default}
    if field in FOLD:
        changes = FOLD
    elif field == "fused_numbers":
        changes = GROUP
    changed = config.replace(**changes)
    if field in UNREAD[base]:
        assert changed.digest() == config.digest()
    else:
        assert changed.digest() != config.digest()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "released"),
        ({"similarity": "soft_hgr"}, "released"),
        ({"similarity": "soft_hgr_textbook"}, "matched"),
        ({"similarity": "cosine"}, "matched"),
        ({"similarity": "soft_hgr", "logit_scale": "matched"}, "matched"),
        ({"similarity": "cosine", "logit_scale": "released"}, "released"),
        ({"objective": "sslcl_calibrated"}, "matched"),
        ({"objective": "cross_entropy"}, "matched"),
    ],
)
def test_the_logit_scale_left_out_is_that_of_the_similarity(
    fields: dict[str, str], expected: str
) -> None:
    config = TrialConfig.parse(fields)
    assert config.logit_scale == expected
    assert config.model_dump()["logit_scale"] == expected


def test_the_order_of_modalities_does_not_matter() -> None:
    one = TrialConfig(modalities=("text", "audio"))
    assert one.digest() == TrialConfig(modalities=("audio", "text")).digest()


def test_the_order_of_views_to_take_out_does_not_matter() -> None:
    one = TrialConfig(augmentation="all_subsets-text+audio-video")
    assert one.digest() == TrialConfig(augmentation="all_subsets-video-audio+text").digest()
    assert one.digest() != TrialConfig(augmentation="all_subsets-video").digest()


def test_testing_from_all_modalities_is_the_default() -> None:
    one = TrialConfig(modalities=("text", "audio"))
    same = one.replace(test_modalities=("audio", "text"))
    assert same.digest() == one.digest()
    assert one.replace(test_modalities=("text",)).digest() != one.digest()


@pytest.mark.parametrize("name", BACKBONES.names())
def test_backbone_options_at_their_default_are_the_same_trial_as_none(name: str) -> None:
    config = TrialConfig(backbone=name)
    for option, field in BACKBONES.get(name).Options.model_fields.items():
        written = TrialConfig(backbone=name, backbone_options={option: field.default})
        assert written.digest() == config.digest()


@pytest.mark.parametrize("name", CATALOG.names())
def test_dataset_options_at_their_default_are_the_same_trial_as_none(name: str) -> None:
    config = TrialConfig(dataset=name)
    for option, field in CATALOG.get(name).Options.model_fields.items():
        written = TrialConfig(dataset=name, dataset_options={option: field.default})
        assert written.digest() == config.digest()


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"dataset_options": {"noise": 2}}, {"dataset_options": {"noise": 2.0}}),
        ({"backbone_options": {"layers": 2}}, {"backbone_options": {"layers": "2"}}),
        ({"learning_rate": 1}, {"learning_rate": 1.0}),
        ({"learning_rate": "1e-3"}, {"learning_rate": 0.001}),
    ],
    ids=str,
)
def test_one_value_written_in_two_ways_is_one_trial(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    assert TrialConfig.parse(one).digest() == TrialConfig.parse(two).digest()


MISTAKES: dict[str, tuple[dict[Any, Any], list[str]]] = {
    "key": ({"bakbone": "recurrent"}, ["'bakbone'", "did you mean 'backbone'?"]),
    "key that is no text": ({7: 1}, ["'7'"]),
    "dataset": ({"dataset": "sinthetic"}, ["'sinthetic'", "did you mean 'synthetic'?"]),
    "dataset option": (
        {"dataset_options": {"imbalanse": 1}},
        ["'imbalanse'", "dataset_options of 'synthetic'", "did you mean 'imbalance'?"],
    ),
    "dataset option value": ({"dataset_options": {"noise": 0}}, ["noise is 0", "0.1"]),
    "dataset option not a number": ({"dataset_options": {"noise": float("nan")}}, ["noise is nan"]),
    "backbone": ({"backbone": "recurent"}, ["'recurent'", "did you mean 'recurrent'?"]),
    "backbone option": (
        {"backbone_options": {"layer": 2}},
        ["'layer'", "backbone_options of 'recurrent'", "did you mean 'layers'?"],
    ),
    "backbone option value": ({"backbone_options": {"layers": 0}}, ["layers is 0", "1"]),
    "sizes that do not fit": (
        {"backbone": "transformer", "hidden_size": 30},
        ["hidden_size 30", "28 or 32"],
    ),
    "objective": ({"objective": "cross_entrpy"}, ["did you mean 'cross_entropy'?"]),
    "similarity": ({"similarity": "cosin"}, ["did you mean 'cosine'?"]),
    "similarity unread": (
        {"objective": "cross_entropy", "similarity": "cosin"},
        ["did you mean 'cosine'?"],
    ),
    "augmentation": ({"augmentation": "texts"}, ["did you mean 'text'?"]),
    "logit scale": ({"logit_scale": "matchd"}, ["logit_scale is 'matchd'", "'matched'"]),
    "no modality": ({"modalities": ()}, ["modalities", "at least one"]),
    "a modality twice": ({"modalities": ("text", "text")}, ["'text' twice"]),
    "no modality to test from": ({"test_modalities": ()}, ["test_modalities", "at least one"]),
    "a modality to test from that is not trained on": (
        {"modalities": ("text", "audio"), "test_modalities": ("video",)},
        ["unknown modality 'video' in test_modalities", "audio, text"],
    ),
    "a view twice": ({"augmentation": "text-text-text"}, ["'text' after '-'", "a view once"]),
    "dropout of 1": ({"dropout": 1.0}, ["dropout is 1.0", "less than 1"]),
    "dropout below 0": ({"dropout": -0.1}, ["dropout is -0.1"]),
    "learning rate 0": ({"learning_rate": 0}, ["learning_rate is 0", "greater than 0"]),
    "learning rate infinite": ({"learning_rate": float("inf")}, ["learning_rate", "finite"]),
    "dropout not a number": ({"dropout": float("nan")}, ["dropout is nan"]),
    "epochs": ({"epochs": 0}, ["epochs is 0"]),
    "batch size": ({"batch_size": 1.5}, ["batch_size is 1.5", "integer"]),
    "seed": ({"seed": 2**31}, ["seed is 2147483648"]),
    "depth": ({"label_embedding_depth": 7}, ["label_embedding_depth is 7"]),
    "precision": ({"precision": "float16"}, ["precision is 'float16'", "'bfloat16'"]),
    "a long value": ({"backbone_options": "x" * 500}, ["backbone_options is 'xxx", "..."]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_told_in_one_line(mistake: str) -> None:
    values, fragments = MISTAKES[mistake]
    with pytest.raises(InputError) as caught:
        TrialConfig.parse(values, "study 'mine'")
    message = str(caught.value)
    assert "\n" not in message
    assert "study 'mine'" in message
    assert [part for part in fragments if part not in message] == []


def test_replace_validates() -> None:
    with pytest.raises(InputError, match="epochs is 0"):
        TrialConfig().replace(epochs=0)
    assert TrialConfig().replace(epochs=3).epochs == 3


def test_a_configuration_does_not_change() -> None:
    config = TrialConfig()
    with pytest.raises(ValidationError, match="frozen"):
        config.epochs = 3  # type: ignore[misc]
    options: dict[str, Any] = {"noise": 2.0}
    config = TrialConfig(dataset_options=options)
    before = config.digest()
    options["noise"] = 3.0
    assert config.digest() == before


@pytest.mark.parametrize("module", ["sslcl.errors", "sslcl.validation", "sslcl.command"])
def test_what_every_part_imports_is_light(module: str) -> None:
    script = (
        f"import sys, {module};"
        "print([m for m in ('torch', 'numpy', 'sslcl.config', 'sslcl.data') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
