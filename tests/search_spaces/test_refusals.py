"""Study files: how they refuse what they may not say."""

from pathlib import Path
from typing import Any

import pytest

from search_spaces import load_study
from sslcl.errors import InputError

from .small import SMALL, small, with_factors, write

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
        "less than or equal to 6",
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
    "looks of one seed": (
        small(ablate={"factors": ["backbone"], "seeds": {"at_least": 1}}),
        "ablate.seeds",
        "at_least is 1",
    ),
    "looks that do not grow": (
        small(ablate={"factors": ["backbone"], "seeds": {"at_least": 5, "at_most": 5}}),
        "ablate.seeds",
        "expected more than at_least, 5",
    ),
    "looks that end early": (
        small(ablate={"factors": ["backbone"], "seeds": {"at_most": 20, "looks": [5, 9]}}),
        "ablate.seeds",
        "from at_least, 5, to at_most, 20",
    ),
    "mistyped looks": (
        small(ablate={"factors": ["backbone"], "seeds": {"at_mots": 9}}),
        "ablate.seeds",
        "did you mean 'at_most'?",
    ),
    "looks of crossed factors": (
        small(ablate={"factors": ["backbone"], "seeds": {"at_most": 9}, "design": "grid"}),
        "ablate",
        "design grid need as many of every cell",
    ),
    "looks of the confirmation": (
        small(confirm={"seeds": {"at_most": 9}}),
        "confirm.seeds",
        "integer",
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
