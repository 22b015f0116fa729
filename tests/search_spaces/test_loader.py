"""Study files: what they may say, and how they refuse what they may not."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces import Categorical, Float, Integer, Study, changes, load_study, study_names
from sslcl.errors import InputError

SMALL: dict[str, Any] = {
    "study": "small",
    "dataset": "synthetic",
    "base": {"epochs": 2, "hidden_size": 16},
    "factors": {
        "backbone": ["recurrent", "transformer", "dialogue_gcn"],
        "objective": ["sslcl", "cross_entropy"],
        "similarity": {"levels": ["soft_hgr", "dot"], "when": {"objective": "sslcl"}},
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "batch_size": [4, 8],
        "backbone_options.heads": {"levels": [1, 2], "when": {"backbone": ["transformer"]}},
    },
    "search": {"trials": 6},
    "confirm": {"top": 2, "seeds": 3},
    "ablate": {"factors": ["backbone", "objective", "similarity"], "seeds": 3},
}

MOSI = load_study("mosi")


def small(**changed: Any) -> dict[str, Any]:
    """The small study with some top-level keys replaced."""
    return {**SMALL, **changed}


def with_factors(**factors: Any) -> dict[str, Any]:
    """The small study with these factors alone, and no ablation."""
    named = {name.replace("__", "."): raw for name, raw in factors.items()}
    return small(factors=named, ablate=None)


def write(folder: Path, content: object) -> str:
    path = folder / "study.yaml"
    text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
    path.write_text(text)
    return str(path)


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def load(content: object, *overrides: str, data: str | None = None) -> Study:
        return load_study(write(tmp_path, content), overrides, data)

    return load


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
BAD: dict[str, tuple[object, str, str]] = {
    "unknown key": (small(serach={}), "study.yaml", "'search'"),
    "unknown key of a phase": (small(search={"trails": 3}), "search", "'trials'"),
    "unknown key of the base": (small(base={"epoch": 3}), "base", "'epochs'"),
    "unknown key of a factor": (
        with_factors(batch_size={"low": 1, "hihg": 3, "high": 3}),
        "factors.batch_size",
        "'high'",
    ),
    "unknown factor": (with_factors(batchsize=[4]), "factors", "'batch_size'"),
    "unknown backbone": (with_factors(backbone=["recurent"]), "factors.backbone", "'recurrent'"),
    "unknown similarity": (with_factors(similarity=["dott"]), "factors.similarity", "'dot'"),
    "unknown objective": (with_factors(objective=["sslc"]), "factors.objective", "'sslcl'"),
    "unknown augmentation": (with_factors(augmentation=["non"]), "factors.augmentation", "'none'"),
    "unknown dataset": (small(dataset="sinthetic"), "dataset", "'synthetic'"),
    "unknown dataset option": (
        small(dataset_options={"imbalanse": 1}),
        "dataset_options",
        "'imbalance'",
    ),
    "dataset option that varies": (
        with_factors(dataset_options__imbalance=[0, 1]),
        "factors.dataset_options.imbalance",
        "--set dataset_options.NAME=VALUE",
    ),
    "dataset options that vary": (
        with_factors(dataset_options=["a"]),
        "factors.dataset_options",
        "compare two studies",
    ),
    "test modalities that vary": (
        with_factors(test_modalities=["text"]),
        "factors.test_modalities",
        "leave_one_out",
    ),
    "level out of range": (with_factors(batch_size=[0]), "factors.batch_size", "greater than"),
    "range out of range": (
        with_factors(label_embedding_depth={"low": 0, "high": 9}),
        "factors.label_embedding_depth",
        "less than or equal to 4",
    ),
    "unknown base value": (small(base={"backbone": "recurent"}), "base", "'recurrent'"),
    "no factors": (small(factors={}), "factors", "empty"),
    "factors left out": ({k: v for k, v in SMALL.items() if k != "factors"}, "factors", "empty"),
    "no levels": (with_factors(batch_size=[]), "factors.batch_size", "empty"),
    "no range": (with_factors(batch_size={"log": True}), "factors.batch_size", "empty"),
    "half a range": (with_factors(batch_size={"low": 4}), "factors.batch_size", "high is missing"),
    "low above high": (
        with_factors(batch_size={"low": 8, "high": 4}),
        "factors.batch_size",
        "low 8 is above high 4",
    ),
    "log from zero": (
        with_factors(learning_rate={"low": 0, "high": 1, "log": True}),
        "factors.learning_rate",
        "above 0",
    ),
    "log with step": (
        with_factors(batch_size={"low": 1, "high": 9, "step": 2, "log": True}),
        "factors.batch_size",
        "exclude each other",
    ),
    "unknown type": (
        with_factors(batch_size={"low": 1, "high": 9, "type": "integer"}),
        "factors.batch_size.type",
        "'int'",
    ),
    "fractions of a whole number": (
        with_factors(batch_size={"low": 1, "high": 9, "type": "float"}),
        "factors.batch_size.type",
        "whole numbers",
    ),
    "range of names": (
        with_factors(backbone={"low": 1, "high": 9}),
        "factors.backbone",
        "list its levels",
    ),
    "levels and range": (
        with_factors(batch_size={"levels": [4], "low": 1}),
        "factors.batch_size",
        "'low'",
    ),
    "nested level": (
        with_factors(modalities=[["text", "audio"]]),
        "factors.modalities",
        "text+audio",
    ),
    "factor that is a number": (with_factors(batch_size=4), "factors.batch_size", "expected"),
    "repeated level": (with_factors(batch_size=[4, 4]), "factors.batch_size", "4 appears twice"),
    "repeated level in other words": (
        with_factors(batch_size=[4, "4"]),
        "factors.batch_size",
        "4 appears twice",
    ),
    "condition on a missing factor": (
        with_factors(objective=["sslcl"], similarity={"levels": ["dot"], "when": {"objektive": 1}}),
        "factors.similarity.when",
        "'objective'",
    ),
    "condition on a missing level": (
        with_factors(
            objective=["sslcl"], similarity={"levels": ["dot"], "when": {"objective": "sslc"}}
        ),
        "factors.similarity.when.objective",
        "'sslcl'",
    ),
    "condition on a range": (
        with_factors(
            batch_size={"low": 4, "high": 8},
            similarity={"levels": ["dot"], "when": {"batch_size": 4}},
        ),
        "factors.similarity.when.batch_size",
        "not a range",
    ),
    "circular condition": (
        with_factors(
            objective={"levels": ["sslcl"], "when": {"similarity": "dot"}},
            similarity={"levels": ["dot"], "when": {"objective": "sslcl"}},
        ),
        "when",
        "objective -> similarity -> objective",
    ),
    "levels that do not go together": (
        {
            **with_factors(backbone=["transformer", "recurrent"], backbone_options__heads=[1, 2]),
            "base": {"backbone": "transformer"},
        },
        "factors.backbone = recurrent with backbone_options.heads = 1",
        "unknown key 'heads'",
    ),
    "seed as a factor": (with_factors(seed=[1, 2]), "factors.seed", "search.seed"),
    "dataset as a factor": (with_factors(dataset=["synthetic"]), "factors.dataset", "--data"),
    "all options as a factor": (
        with_factors(backbone_options=[1]),
        "factors.backbone_options",
        "backbone_options.<option>",
    ),
    "seed in the base": (small(base={"seed": 1}), "base.seed", "search.seed"),
    "dataset in the base": (small(base={"dataset": "x"}), "base.dataset", "at the top"),
    "ablation of a missing factor": (
        small(ablate={"factors": ["bakbone"]}),
        "ablate.factors",
        "'backbone'",
    ),
    "ablation of nothing": (small(ablate={"factors": []}), "ablate.factors", "at least one"),
    "ablation without factors": (small(ablate={}), "ablate.factors", "one_factor needs"),
    "ablation without components": (
        small(ablate={"design": "leave_one_out", "components": []}),
        "ablate.components",
        "at least one of label_label_term",
    ),
    "unknown component": (
        small(ablate={"design": "leave_one_out", "components": ["contxt"]}),
        "ablate.components",
        "did you mean 'context'?",
    ),
    "repeated component": (
        small(ablate={"design": "leave_one_out", "components": ["view", "view"]}),
        "ablate.components",
        "view appears twice",
    ),
    "unknown resolution": (
        small(ablate={"factors": ["backbone"], "design": "fractional", "resolution": 5}),
        "ablate.resolution",
        "3 or 4",
    ),
    "search design without a search": (
        small(search=None, confirm=None, ablate={"design": "search", "reference": {}}),
        "ablate.design",
        "nothing is searched",
    ),
    "smallest difference of nothing": (
        small(report={"smallest_difference": 0}),
        "report.smallest_difference",
        "greater than 0",
    ),
    "smallest difference in points": (
        small(report={"smallest_difference": 1}),
        "report.smallest_difference",
        "less than 1",
    ),
    "unknown correction": (
        small(report={"correction": "hollm"}),
        "report.correction",
        "did you mean 'holm'?",
    ),
    "unknown report key": (
        small(report={"smallest": 0.1}),
        "report",
        "did you mean 'smallest_difference'?",
    ),
    "repeated ablation factor": (
        small(ablate={"factors": ["backbone", "backbone"]}),
        "ablate.factors",
        "backbone appears twice",
    ),
    "ablation of a range": (
        small(ablate={"factors": ["learning_rate"]}),
        "ablate.factors",
        "ablate.levels.learning_rate",
    ),
    "ablation level of another factor": (
        small(ablate={"factors": ["backbone"], "levels": {"bakbone": ["recurrent"]}}),
        "ablate.levels",
        "'backbone'",
    ),
    "ablation level out of range": (
        small(ablate={"factors": ["learning_rate"], "levels": {"learning_rate": [1.0]}}),
        "ablate.levels.learning_rate",
        "0.0001 to 0.01",
    ),
    "unknown reference": (
        small(ablate={"factors": ["backbone"], "reference": "winer"}),
        "ablate.reference",
        "'winner'",
    ),
    "reference with a missing factor": (
        small(ablate={"factors": ["backbone"], "reference": {"bakbone": "recurrent"}}),
        "ablate.reference",
        "'backbone'",
    ),
    "reference with a missing level": (
        small(ablate={"factors": ["backbone"], "reference": {"backbone": "recurent"}}),
        "ablate.reference.backbone",
        "'recurrent'",
    ),
    "winner of no search": (
        small(search=None, confirm=None),
        "ablate.reference",
        "nothing is searched",
    ),
    "unknown design": (
        small(ablate={"factors": ["backbone"], "design": "gird"}),
        "ablate.design",
        "'grid'",
    ),
    "unknown sampler": (small(search={"trials": 3, "sampler": "tpee"}), "search.sampler", "'tpe'"),
    "no trials": (small(search={}), "search.trials", "missing"),
    "search seed among the fresh ones": (
        small(search={"trials": 3, "seed": 1001}),
        "search.seed",
        "less than 1001",
    ),
    "unknown factor fixed in the search": (
        small(search={"trials": 6, "fixed": {"objektive": "sslcl"}}),
        "search.fixed",
        "'objective'",
    ),
    "unknown level fixed in the search": (
        small(search={"trials": 6, "fixed": {"objective": "sslc"}}),
        "search.fixed.objective",
        "'sslcl'",
    ),
    "nothing left to search": (
        {
            **with_factors(
                objective=["sslcl", "cross_entropy"],
                similarity={"levels": ["dot"], "when": {"objective": "sslcl"}},
            ),
            "search": {"trials": 6, "fixed": {"objective": "cross_entropy"}},
        },
        "search.fixed",
        "empty",
    ),
    "no seeds to confirm with": (small(confirm={"seeds": 0}), "confirm.seeds", "greater than"),
    "no seeds to ablate with": (
        small(ablate={"factors": ["backbone"], "seeds": 0}),
        "ablate.seeds",
        "greater than",
    ),
    "more winners than trials": (small(confirm={"top": 7}), "confirm.top", "6 trials"),
    "no phase": (small(search=None, confirm=None, ablate=None), "no phase", "search"),
    "phase that is a list": (small(search=[3]), "search", "expected keys and values"),
    "bad study name": (small(study="My Study"), "study", "pattern"),
    "no study name": ({k: v for k, v in SMALL.items() if k != "study"}, "study", "missing"),
    "no mapping": ("- a\n- b\n", "study.yaml", "expected a mapping"),
    "empty file": ("", "study.yaml", "expected a mapping"),
    "syntax": ("study: small\nfactors: [a\n", "line 3, column 1", "not valid YAML"),
    "tab": ("study: small\nbase:\n\tepochs: 3\n", "line 3, column 1", "not valid YAML"),
    "python object": ("study: !!python/object:os.system x\n", "line 1", "not valid YAML"),
    "repeated key": ("study: a\ndataset: b\nstudy: c\n", "line 3, column 1", "'study'"),
    "repeated factor": (
        "study: a\nfactors:\n  batch_size: [4]\n  batch_size: [8]\n",
        "line 4, column 3",
        "'batch_size'",
    ),
}


@pytest.mark.parametrize(("content", "place", "says"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_in_one_line_with_file_place_and_help(
    load: Any, content: object, place: str, says: str
) -> None:
    with pytest.raises(InputError) as caught:
        load(content)
    message = str(caught.value)
    assert "\n" not in message
    assert "study.yaml" in message
    assert place in message
    assert says in message


@pytest.mark.parametrize(
    ("name", "says"),
    [("quikstart", "'quickstart'"), ("nowhere/study.yaml", "no study file"), ("", "unknown study")],
)
def test_unknown_study(name: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_study(name)


def test_mistyped_path_names_the_nearest_file(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    with pytest.raises(InputError, match=r"did you mean 'study\.yaml'"):
        load_study(str(tmp_path / "stdy.yaml"))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        load_study(str(tmp_path / "study.yaml"))


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
    assert plain.canonical()["report"] == {"smallest_difference": 0.01, "correction": "holm"}
    strict = load(small(report={"smallest_difference": 0.02, "correction": "bh"}))
    assert strict.canonical()["report"] == {"smallest_difference": 0.02, "correction": "bh"}
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
