"""Study files: what they may say, and what is read from them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces import Categorical, Float, Integer, Study, changes, load_study, study_names
from sslcl.errors import InputError

from .small import SMALL, small, with_factors

MOSI = load_study("mosi")


@pytest.mark.parametrize("name", study_names())
def test_shipped_studies_are_valid_and_say_what_they_ask(name: str) -> None:
    study = load_study(name)
    assert study.name == name
    assert study.description.endswith(".")


@pytest.mark.parametrize("name", ["quickstart", "mosi"])
def test_the_main_studies_have_every_phase_and_the_main_factors(name: str) -> None:
    study = load_study(name)
    assert study.search is not None
    assert study.confirm is not None
    assert study.ablate is not None
    assert {
        "backbone",
        "label_embedding_depth",
        "similarity",
        "augmentation",
        "batch_size",
    } <= set(study.ablate.factors)


def test_only_objectives_without_a_prediction_rule_get_a_cross_entropy() -> None:
    study = load_study("objective")
    assert study.ablate is not None
    assert isinstance(study.ablate.reference, dict)
    weights = {
        level: study.config({**study.ablate.reference, "objective": level}, 1).cross_entropy_weight
        for level in study.factors["objective"].probes()
    }
    del weights["cross_entropy"]  # does not read it
    assert weights == {"sslcl": 0.0, "sslcl_calibrated": 0.0, "supcon": 1.0, "swfc": 1.0}


def test_canonical_form_reads_back_and_does_not_depend_on_key_order(load: Any) -> None:
    study = load(SMALL)
    turned = {key: SMALL[key] for key in reversed(SMALL)}
    turned["factors"] = {key: SMALL["factors"][key] for key in reversed(SMALL["factors"])}
    again = load(turned)
    assert Study.model_validate(study.canonical()) == study
    assert again.canonical() == study.canonical()
    assert again.space_digest() == study.space_digest()


def test_conditional_factors_come_after_those_they_depend_on(load: Any) -> None:
    turned = {key: SMALL["factors"][key] for key in reversed(SMALL["factors"])}
    names = load(small(factors=turned)).factor_names
    assert names.index("objective") < names.index("similarity")
    assert names.index("backbone") < names.index("backbone_options.heads")


def test_kinds_of_factors(load: Any) -> None:
    study = load(
        with_factors(
            batch_size={"low": 4, "high": 16, "step": 4},
            learning_rate={"low": "1e-4", "high": 1e-2, "log": True},
            dropout={"low": 0, "high": 0.5},
            hidden_size=[16, "32"],
            backbone_options__layers={"low": 1, "high": 2},
            weight_decay={"low": 1, "high": 2, "type": "float"},
        )
    )
    assert study.factors == {
        "batch_size": Integer(low=4, high=16, step=4),
        "learning_rate": Float(low=1e-4, high=1e-2, log=True),
        "dropout": Float(low=0, high=0.5),
        "hidden_size": Categorical(levels=(16, 32)),
        "backbone_options.layers": Integer(low=1, high=2),
        "weight_decay": Float(low=1, high=2),
    }


def test_numbers_with_an_exponent_are_numbers(load: Any) -> None:
    text = yaml.safe_dump(with_factors(batch_size=[4])) + "\nbudget: {hours: 1e-3}\n"
    assert load(text).budget.hours == 0.001


def test_config_applies_active_levels_and_lets_inactive_ones_fall_back(load: Any) -> None:
    study = load(SMALL)
    config = study.config({"objective": "sslcl", "similarity": "dot", "batch_size": 4}, seed=7)
    assert (config.similarity, config.batch_size, config.seed) == ("dot", 4, 7)
    assert (config.epochs, config.hidden_size, config.dataset) == (2, 16, "synthetic")
    plain = study.config({"objective": "cross_entropy", "similarity": "dot"}, seed=7)
    assert plain.similarity == study.base_config(7).similarity == "soft_hgr"
    heads = {"backbone": "recurrent", "backbone_options.heads": 2}
    assert study.config(heads, seed=0).backbone_options == {}
    assert study.config({**heads, "backbone": "transformer"}, 0).backbone_options == {"heads": 2}


def test_a_condition_on_an_inactive_factor_does_not_hold(load: Any) -> None:
    study = load(
        with_factors(
            objective=["sslcl", "cross_entropy"],
            similarity={"levels": ["soft_hgr", "dot"], "when": {"objective": "sslcl"}},
            label_label_weight={"levels": [0, 0.1], "when": {"similarity": "soft_hgr"}},
        )
    )
    assert study.active("label_label_weight", {"objective": "sslcl", "similarity": "soft_hgr"})
    assert not study.active("label_label_weight", {"objective": "sslcl", "similarity": "dot"})
    # The base's similarity is soft_hgr, but nothing reads it.
    assert not study.active("label_label_weight", {"objective": "cross_entropy"})


def test_a_factor_can_be_the_set_of_modalities(load: Any) -> None:
    study = load(with_factors(modalities=["text", "text+audio"]))
    config = study.config({"modalities": "text+audio"}, 0)
    assert config.modalities == ("text", "audio")
    assert study.assignment(config) == {"modalities": "text+audio"}


@st.composite
def assignments(draw: st.DrawFn) -> dict[str, Any]:
    factors = MOSI.factors
    return {
        name: draw(
            st.sampled_from(factor.levels)
            if isinstance(factor, Categorical)
            else st.floats(factor.low, factor.high)
        )
        for name, factor in factors.items()
    }


@settings(max_examples=30, deadline=None)
@given(assignments())
def test_assignment_is_the_inverse_of_config(assignment: dict[str, Any]) -> None:
    study = MOSI
    config = study.config(assignment, seed=3)
    active = {k: v for k, v in assignment.items() if study.active(k, assignment)}
    assert study.assignment(config) == active
    assert study.config(active, seed=3) == config


# What is wrong, where the message says it is, and what else it says.


def test_changes_are_said_by_name(load: Any) -> None:
    old = load(SMALL).canonical()
    assert changes(old, old) == []
    new = load(
        SMALL,
        "search.trials=30",
        "factors.backbone=[recurrent, transformer, utterance]",
        "factors.dropout=[0.1, 0.3]",
        "batch_size=8",
        "confirm=null",
        "budget.hours=2",
    ).canonical()
    assert sorted(changes(old, new)) == [
        "base.batch_size: added",
        "budget.hours: none -> 2.0",
        "confirm: removed",
        "factors.backbone: added utterance, removed dialogue_gcn",
        "factors.batch_size: removed",
        "factors.dropout: added",
        "search.trials: 6 -> 30",
    ]
    assert "confirm: added" in changes(new, old)


def test_space_digest_changes_with_the_space_and_not_with_the_effort(load: Any) -> None:
    digest = load(SMALL).space_digest()
    assert load(SMALL, "search.trials=9", "confirm.seeds=4").space_digest() == digest
    for override in (
        "search.fixed.objective=sslcl",
        "factors.batch_size=[4]",
        "epochs=3",
        "search.seed=1",
        "objective=sslcl",
    ):
        assert load(SMALL, override).space_digest() != digest


TUNED = {"design": "tuned", "factors": ["objective"], "seeds": 3}


class TestTuned:
    @pytest.mark.parametrize(("given", "expected"), [({}, 8), ({"trials": 4}, 4)])
    def test_the_budget_of_a_cell_has_a_default(self, load: Any, given: Any, expected: int) -> None:
        study = load(small(ablate={**TUNED, **given}))
        assert study.ablate is not None
        assert study.ablate.tuning_trials == expected
        assert Study.model_validate(study.canonical()) == study

    def test_a_budget_can_be_set_from_the_command_line(self, load: Any) -> None:
        study = load(SMALL, "ablate.design=tuned", "ablate.trials=3")
        assert study.ablate is not None
        assert study.ablate.tuning_trials == 3

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"ablate": {**TUNED, "trials": 0}}, "ablate.trials is 0"),
            (
                {"ablate": {**TUNED, "reference": {"objective": "sslcl", "batch_size": 4}}},
                "ablate.reference.batch_size: the design tuned searches batch_size in every cell",
            ),
            (
                {
                    "factors": {"objective": ["sslcl", "cross_entropy"]},
                    "ablate": {**TUNED, "reference": {}},
                },
                "ablate.design is tuned, but no factor is left to tune",
            ),
            (
                {
                    "factors": {"objective": ["sslcl", "cross_entropy"], "batch_size": [4, 8]},
                    "search": None,
                    "confirm": None,
                    "ablate": TUNED,
                },
                "ablate.reference is winner, but nothing is searched",
            ),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, load: Any, changed: Any, said: str) -> None:
        with pytest.raises(InputError) as told:
            load(small(**changed))
        assert said in str(told.value)
        assert "\n" not in str(told.value)


def test_the_criterion_is_of_all_trials_and_unsaid_at_its_default(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    text = "study: s\nfactors: {objective: [sslcl, focal]}\nsearch: {trials: 2}\n"
    file.write_text(text)
    plain = load_study(str(file))
    assert "criterion" not in plain.canonical()
    assert load_study(str(file), ["criterion=weighted_f1"]) == plain
    file.write_text(f"{text}criterion: micro_f1-neutral\n")
    judged = load_study(str(file))
    assert judged.config({"objective": "focal"}, 0).criterion == "micro_f1-neutral"
    assert Study.model_validate(judged.canonical()) == judged
    assert judged.space_digest() != plain.space_digest()
