"""``size: released``: what a file leaves out is as the backbone's authors released it."""

import re
from pathlib import Path
from typing import Any

import pytest

from search_spaces.sizes import RELEASED
from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.errors import InputError

from .small import small

ROOT = Path(__file__).resolve().parents[2]
UNRELEASED = {"utterance", "transformer"}


def released(**changed: Any) -> dict[str, Any]:
    """A small study of two released backbones."""
    content = {
        "base": {"size": "released", "epochs": 2},
        "factors": {"backbone": ["dialogue_gcn", "m3net"], "objective": ["cross_entropy"]},
        "search": None,
        "confirm": None,
        "ablate": {"factors": ["backbone"], "seeds": 2, "reference": {"backbone": "m3net"}},
    }
    return small(**{**content, **changed})


def test_every_backbone_that_was_released_has_a_recipe_that_it_takes() -> None:
    assert set(RELEASED) == set(BACKBONES.names()) - UNRELEASED
    for backbone, recipe in RELEASED.items():
        config = TrialConfig.parse({"backbone": backbone, **recipe})
        assert set(recipe) == set(RELEASED["m3net"])
        for name, value in recipe.items():
            assert getattr(config, name) == value


def test_width_depth_and_rates_follow_the_backbone(load: Any) -> None:
    study = load(released())
    graph, m3net = (study.config({"backbone": name}, 0) for name in ("dialogue_gcn", "m3net"))
    assert (graph.hidden_size, graph.learning_rate, graph.batch_size) == (100, 3e-4, 32)
    assert (m3net.hidden_size, m3net.learning_rate, m3net.batch_size) == (512, 1e-4, 16)
    assert graph.backbone_options["edges"] == "position"
    assert "edges" not in m3net.backbone_options
    assert graph.epochs == m3net.epochs == 2


def test_what_the_base_or_a_factor_says_goes_before_it(load: Any) -> None:
    base = {
        "backbone": "m3net",
        "size": "released",
        "dropout": 0.25,
        "backbone_options": {"frequency_layers": 3},
    }
    factors = {"batch_size": [4, 8]}
    study = load(released(base=base, factors=factors, ablate=None, search={"trials": 2}))
    config = study.config({"batch_size": 8}, 0)
    assert (config.dropout, config.batch_size, config.hidden_size) == (0.25, 8, 512)
    assert study.config({}, 0).batch_size == 16
    assert config.backbone_options == {
        **RELEASED["m3net"]["backbone_options"],
        "frequency_layers": 3,
    }


def test_levels_of_a_configuration_are_read_back(load: Any) -> None:
    factors = {
        "backbone": ["dialogue_gcn", "m3net"],
        "hidden_size": [96, 100, 512],
        "learning_rate": {"low": 1e-5, "high": 1e-2, "when": {"hidden_size": 100}},
    }
    study = load(released(factors=factors, ablate=None, search={"trials": 2}))
    # The condition holds at the released width of the one backbone, not at that of the other.
    assert study.active("learning_rate", {"backbone": "dialogue_gcn"})
    assert not study.active("learning_rate", {"backbone": "m3net"})
    config = study.config({"backbone": "dialogue_gcn"}, 0)
    assert study.assignment(config) == {
        "backbone": "dialogue_gcn",
        "hidden_size": 100,
        "learning_rate": 3e-4,
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (released(base={"size": "relesed"}), "size is 'relesed': did you mean 'released'?"),
        (released(base={"sice": "released"}), "did you mean 'size'?"),
        (
            released(
                factors={"backbone": ["m3net", "transformer"]},
                ablate={"factors": ["backbone"], "reference": {"backbone": "m3net"}},
            ),
            "no published recipe of backbone 'transformer'",
        ),
    ],
)
def test_a_mistake_is_named_in_one_line(load: Any, content: object, says: str) -> None:
    with pytest.raises(InputError) as caught:
        load(content)
    assert says in str(caught.value)
    assert "study.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_documented_recipes_are_these() -> None:
    text = (ROOT / "docs" / "backbones.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", text, flags=re.MULTILINE)
    told = {name: tuple(cell.strip() for cell in cells.split("|")) for name, cells in rows}
    assert set(told) == set(RELEASED)
    for name, recipe in RELEASED.items():
        options = ", ".join(f"{key} {value}" for key, value in recipe["backbone_options"].items())
        numbers = ("hidden_size", "dropout", "learning_rate", "weight_decay", "batch_size")
        assert told[name] == (*(f"{recipe[key]:g}" for key in numbers), options)
