"""Study files: changes from the command line."""

from typing import Any

import pytest

from search_spaces import Categorical, Float, changes, load_study
from sslcl.errors import InputError

from .small import SMALL, small

MOSI = load_study("mosi")


def test_overrides_reach_any_key(load: Any) -> None:
    study = load(
        SMALL,
        "search.trials=4",
        "base.epochs=3",
        "factors.batch_size=[4, 16]",
        "factors.learning_rate.low=1e-3",
        "factors.similarity=[cosine, dot]",
        "factors.backbone_options.heads.levels=[1, 4]",
        "budget.hours=2",
        "description=a = b",
    )
    assert study.search.trials == 4
    assert study.base["epochs"] == 3
    assert study.factors["batch_size"] == Categorical(levels=(4, 16))
    assert study.factors["learning_rate"] == Float(low=1e-3, high=1e-2, log=True)
    similarity = Categorical(levels=("cosine", "dot"), when={"objective": ("sslcl",)})
    assert study.factors["similarity"] == similarity
    assert study.factors["backbone_options.heads"].levels == (1, 4)
    assert study.budget.hours == 2
    assert study.description == "a = b"


def test_a_phase_can_be_taken_away(load: Any) -> None:
    study = load(SMALL, "confirm=null", "ablate=null")
    assert study.confirm is None
    assert study.ablate is None


def test_a_bare_field_is_fixed_and_no_longer_varies(load: Any) -> None:
    study = load(SMALL, "batch_size=8", "backbone=transformer")
    assert study.base_config(0).batch_size == 8
    assert study.base_config(0).backbone == "transformer"
    assert not {"batch_size", "backbone"} & set(study.factors)
    assert study.ablate.factors == ("objective", "similarity")
    # Its condition now always holds.
    assert study.factors["backbone_options.heads"].when == {}


def test_factors_that_a_fixed_field_switches_off_are_dropped(load: Any) -> None:
    study = load(SMALL, "objective=cross_entropy")
    assert "similarity" not in study.factors
    assert study.ablate.factors == ("backbone",)
    assert study.base_config(0).objective == "cross_entropy"


def test_report_settings_change_no_trial(load: Any) -> None:
    plain = load(SMALL)
    usual = {"smallest_difference": 0.01, "correction": "holm", "metric": None}
    assert plain.canonical()["report"] == usual
    strict = load(small(report={"smallest_difference": 0.02, "correction": "bh"}))
    changed = {"smallest_difference": 0.02, "correction": "bh"}
    assert strict.canonical()["report"] == {**usual, **changed}
    assert load(SMALL, "report.smallest_difference=0.02", "report.correction=bh") == strict
    assert strict.space_digest() == plain.space_digest()
    assert strict.model_copy(update={"report": plain.report}) == plain
    assert changes(plain.canonical(), strict.canonical()) == [
        "report.smallest_difference: 0.01 -> 0.02",
        "report.correction: holm -> bh",
    ]


def test_a_design_that_varies_nothing_needs_no_factors(load: Any) -> None:
    alone = {
        "study": "small",
        "base": {"epochs": 2},
        "ablate": {"design": "leave_one_out", "reference": {}, "components": ["view", "context"]},
    }
    study = load(alone)
    assert study.factors == {}
    assert study.ablate.components == ("view", "context")
    with pytest.raises(InputError, match=r"ablate\.factors is empty: design grid needs"):
        load({**alone, "factors": {"batch_size": [4, 8]}}, "ablate.design=grid")
    with pytest.raises(InputError, match="factors: the space is empty"):
        load({**alone, "search": {"trials": 3}})


@pytest.mark.parametrize("design", ["search", "grid", "fractional", "leave_one_out", "tuned"])
def test_a_design_can_be_chosen_for_any_file(load: Any, design: str) -> None:
    study = load(SMALL, f"ablate.design={design}")
    assert study.ablate.design == design
    assert study.space_digest() == load(SMALL).space_digest()


def test_an_option_can_be_fixed(load: Any) -> None:
    study = load(SMALL, "backbone=transformer", "backbone_options.heads=2")
    assert study.base_config(0).backbone_options == {"heads": 2}
    assert "backbone_options.heads" not in study.factors


def test_a_field_fixed_on_the_command_line_is_forgotten_everywhere(load: Any) -> None:
    content = small(
        search={"trials": 6, "fixed": {"objective": "sslcl"}},
        ablate={"factors": ["objective", "backbone"], "reference": {"objective": "sslcl"}},
    )
    study = load(content, "objective=cross_entropy")
    assert study.search.fixed == study.ablate.reference == {}
    assert study.ablate.factors == ("backbone",)


def test_another_dataset_drops_the_options_of_the_first(load: Any) -> None:
    content = small(dataset_options={"imbalance": 0.5})
    assert load(content).base_config(0).dataset_options == {"imbalance": 0.5}
    study = load(content, data="mosi")
    assert (study.dataset, study.dataset_options) == ("mosi", {})
    with pytest.raises(InputError, match="did you mean 'mosi'"):
        load(content, data="mossi")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("batchsize=8", "'batch_size'"),
        ("search.trails=8", "'trials'"),
        ("seed=3", "search.seed"),
        ("search.trials", "KEY=VALUE"),
        ("=3", "KEY=VALUE"),
        ("search.trials=[1", "--set search.trials, line 1"),
        ("search.trials.low=1", "no keys of its own"),
        ("backbone=recurent", "'recurrent'"),
    ],
)
def test_bad_override(load: Any, override: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        load(SMALL, override)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
