"""Names of metrics that MLflow refuses, such as those of classes with a slash or a bracket."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracking.mirror.contents import metric_key, true_names


@given(st.text(min_size=1, max_size=300))
@example("f1_a//b")
@example("f1_[/sad]")
@example("f1_" + "x" * 400)
@example("../../etc")
@example("./a")
@example("/a")
@example("f1_高兴")
def test_mlflow_takes_every_name(name: str) -> None:
    from mlflow.utils.validation import _validate_metric_name

    key = metric_key(name)
    assert 0 < len(key) <= 250
    _validate_metric_name(key)


@pytest.mark.parametrize("name", ["score", "test_weighted_f1", "f1/joy", "f1_very happy", "f1_喜"])
def test_a_name_that_it_takes_stays(name: str) -> None:
    assert metric_key(name) == name
    assert true_names([name]) == ""


@given(st.lists(st.text(alphabet="a?!/*", min_size=1, max_size=4), unique=True))
def test_two_names_never_become_one(names: list[str]) -> None:
    assert len({metric_key(name) for name in names}) == len(names)


def test_the_true_names_are_kept() -> None:
    assert json.loads(true_names(["score", "f1_a//b"])) == {metric_key("f1_a//b"): "f1_a//b"}
