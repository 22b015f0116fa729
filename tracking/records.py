"""What the ledger keeps of a trial: plain records, in the ledger's own words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sslcl.config import TrialConfig


class Phase(StrEnum):
    """What a trial is for."""

    SEARCH = "search"
    CONFIRM = "confirm"
    TUNE = "tune"
    """The searches of the cells of an ablation, each with the same budget."""
    ABLATE = "ablate"
    EXTEND = "extend"
    """Trials of an ablation that go on to twice their epochs, judged on validation."""

    @property
    def searches(self) -> bool:
        """Whether a sampler chooses the trials, with the test split sealed."""
        return self in (Phase.SEARCH, Phase.TUNE)

    @property
    def sealed(self) -> bool:
        """Whether trials are kept from the test split."""
        return self.searches or self is Phase.EXTEND


class Status(StrEnum):
    """Where a trial stands. The last four are final."""

    PLANNED = "PLANNED"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAILED = "FAILED"
    CACHED = "CACHED"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the trial by itself."""
        return self not in (Status.PLANNED, Status.RUNNING)

    @property
    def scored(self) -> bool:
        """Whether it was trained to its end, itself or the trial that it was taken from."""
        return self in (Status.COMPLETE, Status.CACHED)


class FailureKind(StrEnum):
    """Why a trial failed."""

    NAN = "nan"
    OUT_OF_MEMORY = "oom"
    ERROR = "error"
    NODE = "node"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class StudyRecord:
    """What is known of a study before its first trial.

    Args:
        name: the study's.
        spec: the study file in canonical form.
        dataset: name in the catalog.
        data_fingerprint: of the dataset.
        label_names: class names in the order of the class indices.
        code_fingerprint: of the code that trains its base configuration.
        environment: versions, machine and commit.
    """

    name: str
    spec: Mapping[str, Any]
    dataset: str
    data_fingerprint: str
    label_names: Sequence[str]
    code_fingerprint: str
    environment: Mapping[str, Any]


@dataclass(frozen=True)
class PlannedTrial:
    """One trial that a study needs.

    Args:
        id: SHA-256 of study, phase, cell and identity (where a sampler chooses: of study, phase,
            space and the sampler's number).
        phase: what it is for.
        cell: name of the cell within the phase, e.g. ``reference`` or ``similarity=dot``.
        identity: content hash of configuration, data and training code.
        config: what to train.
        number: the sampler's trial number, in search and tuning only.
        group: SHA-256 of the identities of the trials that it is trained with as one program, in
            their order; ``None`` where it is trained alone.
    """

    id: str
    phase: Phase
    cell: str
    identity: str
    config: TrialConfig
    number: int | None = None
    group: str | None = None

    @property
    def checkpoint_key(self) -> str:
        """What the state of its training is saved under."""
        return self.group or self.identity


@dataclass(frozen=True)
class Evaluation:
    """Predictions on one split and their scores; one entry per scored utterance, in order.

    Args:
        split: ``validation``, ``test``, or ``probe`` for what a linear probe of the model's
            features predicts on the test split.
        metrics: the general scores of :mod:`sslcl.learning.score_names`, ``f1:<class>`` and the
            criterion, in [0, 1].
        conversations: conversation id of each utterance.
        utterances: utterance id of each utterance.
        labels: class index of each utterance.
        predictions: predicted class index of each utterance.
        positions: place of each utterance among all of the split; 0, 1, 2, ... when left out.
    """

    split: str
    metrics: Mapping[str, float]
    conversations: Sequence[str]
    utterances: Sequence[str]
    labels: Sequence[int]
    predictions: Sequence[int]
    positions: Sequence[int] | None = None


@dataclass(frozen=True)
class Diagnostic:
    """One measured failure signature.

    Args:
        name: e.g. ``label_embedding_distance_min``.
        value: the measurement at the chosen epoch.
        warning: plain words when the signature fires, else ``None``.
    """

    name: str
    value: float
    warning: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a finished trial leaves.

    Args:
        best_epoch: 1-based epoch chosen on validation.
        epochs: epochs trained.
        score: validation score at the best epoch, by the criterion of the configuration.
        cost: what was measured of :data:`tracking.costs.COSTS`.
        evaluations: ``validation`` always, ``test`` in confirmation and ablation.
        diagnostics: measured at the best epoch.
        worker: where it ran, e.g. host, process and device.
    """

    best_epoch: int
    epochs: int
    score: float
    cost: Mapping[str, float] = field(default_factory=dict)
    evaluations: tuple[Evaluation, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    worker: str = ""
