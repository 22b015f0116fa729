"""A level is found by the name of its factor, in a configuration and in what is stored of it."""

import json

import pytest

from sslcl.config import TrialConfig
from sslcl.levels import level_of


@pytest.mark.parametrize(
    ("factor", "level"),
    [
        ("backbone", "recurrent"),
        ("backbone_options.layers", 2),
        ("backbone_options.heads", None),
        ("backbone.layers", None),
        ("modalities", "text+audio"),
        ("nothing", None),
    ],
)
def test_level_of_a_configuration_and_of_its_json(factor: str, level: object) -> None:
    config = TrialConfig.parse(
        {
            "backbone": "recurrent",
            "backbone_options": {"layers": 2},
            "modalities": ["text", "audio"],
        }
    )
    assert level_of(dict(config), factor) == level
    assert level_of(json.loads(config.model_dump_json()), factor) == level
