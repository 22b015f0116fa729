"""Rows of the results database as a reader sees them: frozen, typed, free of SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sslcl.config import TrialConfig
from tracking.records import FailureKind, Phase, Status


@dataclass(frozen=True)
class StudyRow:
    """One study. Times are UNIX milliseconds.

    Args:
        name: unique name.
        spec: the study file, resolved.
        dataset: name in the dataset catalog.
        data_fingerprint: SHA-256 of the data that was last used.
        label_names: names of the classes, by class index.
        code_fingerprint: SHA-256 of the training code that was last used.
        environment: versions, host and hardware.
        status: ``RUNNING``, ``COMPLETE`` or ``STOPPED``.
        created_at: when it was first written.
        updated_at: when it last changed.
        revision: goes up by one with every change.
        reference: configuration of the ablation's reference, once it is known.
    """

    name: str
    spec: Mapping[str, Any]
    dataset: str
    data_fingerprint: str
    label_names: tuple[str, ...]
    code_fingerprint: str
    environment: Mapping[str, Any]
    status: str
    created_at: int
    updated_at: int
    revision: int
    reference: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class TrialRow:
    """One trial. Times are UNIX milliseconds; what is not known yet is ``None``.

    Args:
        id: as planned.
        study: name of its study.
        phase: what it is for.
        cell: name of the cell within the phase.
        identity: content hash of configuration, data and training code.
        config: what is trained.
        status: where it stands.
        number: the sampler's trial number, in search and tuning only.
        data_fingerprint: SHA-256 of the data it was planned on.
        failure: why it failed.
        message: one line about the failure.
        original: id of the trial that a CACHED one was taken from.
        current: whether the study's last plan still asks for it.
        best_epoch: 1-based epoch chosen on validation.
        epochs_run: epochs trained.
        score: validation score at the best epoch, by the criterion of the configuration, in [0, 1].
        seconds: of training.
        seconds_per_epoch: of training, mean.
        utterances_per_second: training throughput.
        parameters: number of trained parameters.
        peak_memory_mb: highest resident memory of the process in MB, libraries included.
        device_memory_mb: highest memory of tensors on the GPU in MB; ``None`` without one.
        latency_p50_ms: median time of inference on one conversation, in ms.
        latency_p95_ms: its 95th percentile.
        flops_per_utterance: floating-point operations of inference.
        worker: where it ran.
        attempts: times it was started.
        planned_at: when it was planned.
        started_at: when it was last started.
        ended_at: when its status became final.
        revision: goes up by one with every change of the row or of what belongs to it.
    """

    id: str
    study: str
    phase: Phase
    cell: str
    identity: str
    config: TrialConfig
    status: Status
    number: int | None = None
    data_fingerprint: str = ""
    failure: FailureKind | None = None
    message: str | None = None
    original: str | None = None
    current: bool = True
    best_epoch: int | None = None
    epochs_run: int | None = None
    score: float | None = None
    seconds: float | None = None
    seconds_per_epoch: float | None = None
    utterances_per_second: float | None = None
    parameters: int | None = None
    peak_memory_mb: float | None = None
    device_memory_mb: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    flops_per_utterance: float | None = None
    worker: str | None = None
    attempts: int = 0
    planned_at: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    revision: int = 1


@dataclass(frozen=True)
class EpochMetric:
    """One measurement of one epoch.

    Args:
        epoch: 1-based.
        metric: its name.
        value: NaN where the measurement was not a number.
        logged_at: UNIX milliseconds of the first time it was recorded.
    """

    epoch: int
    metric: str
    value: float
    logged_at: int


@dataclass(frozen=True)
class ComparisonRow:
    """One cell of a phase against the reference; what cannot be estimated is ``None``.

    Args:
        study: name of the study.
        phase: the phase whose trials are compared.
        metric: what was scored on the test split.
        cell: name of the cell.
        factor: the factor that the cell changes.
        level: the level that it changes it to.
        is_reference: whether this is the cell that the others are compared with.
        n: trials in the cell.
        mean: of the score, in [0, 1].
        sd: standard deviation over the trials, with n - 1.
        difference: mean of the paired differences, cell - reference.
        ci_low: lower end of its 95 % confidence interval.
        ci_high: upper end.
        p_value: two-sided, of no difference.
        p_corrected: the same, corrected over the table.
        seconds: mean training seconds of a trial.
        pairs: seeds that the cell shares with the reference; the difference rests on these.
        p_permutation: two-sided, from exchanges of cell and reference alone.
        effect_size: standardised paired difference.
        smallest_difference: what a difference must reach to be of interest.
        p_equivalence: of a difference that large, in either direction.
        p_equivalence_corrected: the same, corrected over the table.
        verdict: ``better``, ``worse``, ``equivalent`` or ``not shown``.
        correction: ``holm`` or ``bh``.
        ci_low_corrected: lower end of the interval at the level at which the correction decides
            the row; it excludes 0 exactly when ``p_corrected`` is below 0.05.
        ci_high_corrected: upper end; one end is open where a question asks of one side.
        equivalence_low: lower end of the interval that decides equivalence; it lies within the
            smallest difference of interest exactly when ``p_equivalence_corrected`` is below 0.05.
        equivalence_high: upper end.
        seed_variance: of the mean difference for new seeds, moderated across rows.
        conversation_variance: for new conversations, less what it shares with that.
        seed_df: degrees of freedom of ``seed_variance``.
        prior_df: how many of these the other rows lend.
        question: the planned question that the row answers; others are exploratory.
        side: ``two``, ``less`` or ``greater``: what the question asks.
        decidable: what it would take to decide a row that is not shown, in words.
        look: the last look at which the row was judged, where seeds are added in looks; 0 before
            its first is complete.
        stopped: why it gets no more seeds: ``verdict``, ``not decidable`` (on these test
            conversations), ``out of reach`` (of the seeds of the last look), ``at most`` or
            ``nothing to compare``; ``None`` while it does.
    """

    study: str
    phase: Phase
    metric: str
    cell: str
    factor: str
    level: str
    is_reference: bool
    n: int
    mean: float | None
    sd: float | None = None
    difference: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    p_corrected: float | None = None
    seconds: float | None = None
    pairs: int | None = None
    p_permutation: float | None = None
    effect_size: float | None = None
    smallest_difference: float | None = None
    p_equivalence: float | None = None
    p_equivalence_corrected: float | None = None
    verdict: str | None = None
    correction: str | None = None
    ci_low_corrected: float | None = None
    ci_high_corrected: float | None = None
    equivalence_low: float | None = None
    equivalence_high: float | None = None
    seed_variance: float | None = None
    conversation_variance: float | None = None
    seed_df: float | None = None
    prior_df: float | None = None
    question: str | None = None
    side: str | None = None
    decidable: str | None = None
    look: int | None = None
    stopped: str | None = None
