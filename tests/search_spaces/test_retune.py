"""Study files: the factors that every row of an ablation tunes anew."""

from typing import Any

import pytest

from search_spaces import changes, load_study
from search_spaces.retune import RETUNE_TRIALS
from search_spaces.schema import Study
from sslcl.errors import InputError

from .small import SMALL, small


def retuning(retune: object, **ablate: Any) -> dict[str, Any]:
    """The small study that retunes."""
    return small(ablate={**SMALL["ablate"], **ablate, "retune": retune})


@pytest.mark.parametrize("long", [False, True], ids=["a list", "the long form"])
def test_fields_and_trials_are_read(load: Any, long: bool) -> None:
    fields = ["learning_rate", "batch_size"]
    ablate = load(retuning({"fields": fields, "trials": 4} if long else fields)).ablate
    assert ablate.retune.fields == tuple(fields)
    assert ablate.retune.trials == ablate.tuning_trials == (4 if long else RETUNE_TRIALS)
    assert ablate.tunes_cells


def test_it_is_for_one_factor_alone(load: Any) -> None:
    """So that another design of the same file is one word on the command line."""
    ablate = load(retuning(["learning_rate"]), "ablate.design=grid").ablate
    assert ablate.retuned is None
    assert not ablate.tunes_cells


def test_a_study_that_does_not_retune_is_stored_as_before(load: Any) -> None:
    plain, retuned = load(SMALL), load(retuning(["learning_rate"]))
    assert "retune" not in plain.canonical()["ablate"]
    assert changes(plain.canonical(), retuned.canonical()) == ["ablate.retune: added"]
    assert Study.model_validate(retuned.canonical()) == retuned


def test_a_field_that_is_fixed_is_not_retuned(load: Any) -> None:
    both = load(retuning(["learning_rate", "batch_size"]), "batch_size=8")
    assert both.ablate.retune.fields == ("learning_rate",)
    long = load(retuning({"fields": ["learning_rate", "batch_size"]}), "batch_size=8")
    assert long.ablate.retune == both.ablate.retune
    assert load(retuning(["batch_size"]), "batch_size=8").ablate.retune is None


@pytest.mark.parametrize(
    ("retune", "says"),
    [
        (["learning_rat"], "did you mean 'learning_rate'?"),
        ([], "fields"),
        ("learning_rate", "neither a list of factors"),
        (["learning_rate", "learning_rate"], "twice"),
        (["backbone"], "backbone is in ablate.factors"),
        ({"fields": ["learning_rate"], "trials": 1}, "trials is 1"),
        ({"fields": ["learning_rate"], "trails": 4}, "'trials'"),
    ],
)
def test_a_mistake_is_named_in_one_line(load: Any, retune: object, says: str) -> None:
    with pytest.raises(InputError) as caught:
        load(retuning(retune))
    message = str(caught.value)
    assert message.startswith("study.yaml: ablate.retune") or "study.yaml: ablate" in message
    assert says in message
    assert "\n" not in message


def test_a_factor_on_which_others_depend_is_refused(load: Any) -> None:
    with pytest.raises(InputError, match="objective decides whether similarity is read"):
        load(retuning(["objective"], factors=["batch_size"]))


def test_a_factor_with_one_value_is_refused(load: Any) -> None:
    content = retuning(["batch_size"])
    content["factors"] = {**content["factors"], "batch_size": [4]}
    with pytest.raises(InputError, match="batch_size has one value only"):
        load(content)


def test_shipped_studies_can_retune() -> None:
    ablate = load_study(
        "quickstart", ["ablate.design=one_factor", "ablate.retune=[learning_rate]"]
    ).ablate
    assert ablate is not None
    assert ablate.retuned is not None
