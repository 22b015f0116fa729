"""The test split is sealed: poisoned, it changes nothing that search decides."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from search_spaces import load_study
from sslcl.data import load_dataset
from sslcl.data.types import Conversation, Dataset
from study.execution.campaign import Campaign
from study.execution.resources import Halt, Resources
from study.run import register
from tracking.home import Home
from tracking.ledger import Ledger

pytestmark = pytest.mark.slow

CHOICES = [
    "search.trials=4",
    "base.epochs=3",
    "dataset_options={conversations: 42}",
    "base.hidden_size=16",
    "confirm.top=1",
    "confirm.seeds=1",
]


def poisoned(dataset: Dataset) -> Dataset:
    """Wrong labels and garbage features in the test split, and another fingerprint."""

    def spoil(conversation: Conversation) -> Conversation:
        return replace(
            conversation,
            labels=torch.zeros_like(conversation.labels),
            features={name: 1e3 * (1 + x.abs()) for name, x in conversation.features.items()},
        )

    assert dataset.test is not None
    return replace(dataset, test=tuple(map(spoil, dataset.test)), fingerprint="f" * 64)


def decisions(home: Path, dataset: Dataset) -> list[tuple[object, ...]]:
    """All that search and confirmation decided: levels, scores, epochs, statuses."""
    study = load_study("quickstart", CHOICES).model_copy(update={"ablate": None})
    console = Console(quiet=True)
    ledger = Ledger.at(Home(home))
    register(ledger, study, dataset, console)
    Campaign(
        study, dataset, ledger, home, Resources(workers=1), console, Halt(), on_start=lambda: None
    ).run()
    rows = ledger.trials(study.name)
    metrics = [
        (point.epoch, point.metric, point.value)
        for row in rows
        for point in ledger.epoch_metrics(row.id)
        if point.metric != "seconds"
    ]
    ledger.close()
    return [
        (row.phase, row.cell, row.config.digest(), row.status, row.score, row.best_epoch)
        for row in rows
    ] + metrics


def test_a_poisoned_test_split_changes_no_decision(tmp_path: Path) -> None:
    dataset = load_dataset("synthetic", {"conversations": 42})
    honest = decisions(tmp_path / "honest", dataset)
    assert len(honest) > 20
    assert decisions(tmp_path / "poisoned", poisoned(dataset)) == honest
