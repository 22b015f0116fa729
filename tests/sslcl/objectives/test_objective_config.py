"""The fields that objectives may read of a configuration are exactly those that they do read."""

from typing import Any

import pytest
import torch

from sslcl.config import TrialConfig
from sslcl.objectives import OBJECTIVE_FIELDS, OBJECTIVES, SSLCL_FIELDS, Shape
from sslcl.testing.objective_cases import MODALITIES, WIDTH, batch

CONFIGS = (
    TrialConfig(cross_entropy_weight=0.5),
    TrialConfig(cross_entropy_weight=0.5, logit_scale="released", label_embedding_depth=0),
    TrialConfig(cross_entropy_weight=0.5, modalities=("text", "audio")),
)


class Recorder:
    """Passes on a configuration's fields and remembers which were asked for."""

    def __init__(self, config: TrialConfig) -> None:
        self._config = config
        self.fields_read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.fields_read.add(name)
        return getattr(self._config, name)


def fields_read(name: str) -> set[str]:
    """The fields that an objective reads in all that it does."""
    read: set[str] = set()
    for config in CONFIGS:
        recorder: Any = Recorder(config)
        cls = OBJECTIVES.get(name)
        cls.check(recorder)
        cls.unread_fields(recorder)
        objective = cls(recorder, Shape(WIDTH, torch.full((4,), 0.25), MODALITIES))
        objective(*batch(objective, 6)).total.backward()
        objective.eval().scores(torch.randn(5, WIDTH))
        objective.label_vectors()
        read |= recorder.fields_read
    return read


@pytest.mark.parametrize("name", OBJECTIVES.names())
def test_an_objective_reads_only_the_fields_it_may(name: str) -> None:
    assert fields_read(name) <= OBJECTIVE_FIELDS


def test_every_field_of_the_protocol_is_read_by_some_objective() -> None:
    read: set[str] = set().union(*(fields_read(name) for name in OBJECTIVES.names()))
    assert read == OBJECTIVE_FIELDS


def test_the_fields_are_those_of_a_trial() -> None:
    assert set(TrialConfig.model_fields) >= OBJECTIVE_FIELDS
    assert SSLCL_FIELDS < OBJECTIVE_FIELDS
