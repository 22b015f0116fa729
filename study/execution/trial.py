"""Training one trial to its end, and what is kept of it. No scheduler in sight."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from sslcl.config import TrialConfig
from sslcl.data.types import Dataset, Split
from sslcl.diagnostics import diagnose
from sslcl.errors import Diverged, InputError
from sslcl.files import whole_file
from sslcl.profiling import profile, reset_peak_memory, training_cost
from sslcl.training import Predictions, Trainer
from study.execution.machine.time_limit import TimedOut
from tracking.records import Diagnostic, Evaluation, FailureKind, Outcome


def pick_device() -> torch.device:
    """The GPU this process was given, else the CPU with one thread.

    One thread, because results are promised bit for bit and trials run side by side.
    """
    torch.set_num_threads(1)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    config: TrialConfig,
    dataset: Dataset,
    on_epoch: Callable[[int, dict[str, float]], None] = lambda epoch, metrics: None,
) -> tuple[Trainer, Outcome]:
    """Train ``config`` from the first epoch to the last, here and now."""
    reset_peak_memory()
    trainer = Trainer(config, dataset, pick_device())
    while not trainer.finished:
        metrics = trainer.fit_epoch()
        on_epoch(trainer.epoch, metrics)
    return trainer, conclude(trainer, dataset)


def conclude(trainer: Trainer, dataset: Dataset) -> Outcome:
    """Put back the best epoch and evaluate it: validation always, test where it is not sealed."""
    trainer.restore_best()
    validation = trainer.validation()
    evaluations = [_evaluation("validation", validation)]
    spent = cost(trainer, utterances_of(dataset.train))
    if dataset.test is not None:
        evaluations.append(_evaluation("test", trainer.test(dataset.test)))
        evaluations.append(_evaluation("probe", trainer.probe(dataset.test)))
        # Inference is not measured in a search, which it would slow down.
        spent |= profile(trainer, dataset.test)
    class_f1 = {name: validation.metrics[f"f1:{name}"] for name in dataset.label_names}
    findings = diagnose(trainer, dataset.label_names, class_f1)
    return Outcome(
        best_epoch=trainer.best_epoch,
        epochs=trainer.epoch,
        score=trainer.best_score,
        cost=spent,
        evaluations=tuple(evaluations),
        diagnostics=tuple(Diagnostic(f.name, f.value, f.warning) for f in findings),
        worker=worker_name(trainer.device),
    )


def unfinished(trainer: Trainer, utterances: int) -> Outcome:
    """What is known of a trial that a scheduler may stop now; see :func:`cost`."""
    return Outcome(
        best_epoch=trainer.best_epoch,
        epochs=trainer.epoch,
        score=trainer.best_score,
        cost=cost(trainer, utterances),
        worker=worker_name(trainer.device),
    )


def utterances_of(split: Split) -> int:
    """Utterances of a split."""
    return sum(len(conversation) for conversation in split)


def cost(trainer: Trainer, utterances: int) -> dict[str, float]:
    """What :func:`~sslcl.profiling.training_cost` tells, and training utterances per second.

    Args:
        trainer: of the trial.
        utterances: of the training split.
    """
    speed = utterances * trainer.epoch / max(trainer.seconds, 1e-9)
    return {**training_cost(trainer), "utterances_per_second": speed}


def worker_name(device: torch.device) -> str:
    """Host, process and device, e.g. ``node1:4711 cpu``."""
    return f"{socket.gethostname()}:{os.getpid()} {device}"


def failure_of(error: BaseException) -> tuple[FailureKind, str]:
    """The kind of a failure and a line about it."""
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    if isinstance(error, Diverged):
        return FailureKind.NAN, str(error)
    if isinstance(error, TimedOut):
        return FailureKind.TIMEOUT, str(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return FailureKind.OUT_OF_MEMORY, text
    return FailureKind.ERROR, text


def save_state(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint whole, or not at all where there is no room: it only saves time."""
    # Of a full disk PyTorch says RuntimeError.
    with suppress(InputError, RuntimeError), whole_file(path) as file:
        torch.save(state, file)


def load_state(path: Path) -> dict[str, Any] | None:
    """Read a checkpoint; ``None`` where there is none that can be read."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        # A checkpoint only saves time: one that cannot be read costs a fresh start, no more.
        return None
    return state


def _evaluation(split: str, predicted: Predictions) -> Evaluation:
    return Evaluation(
        split=split,
        metrics=dict(predicted.metrics),
        conversations=list(predicted.conversations),
        utterances=list(predicted.utterances),
        labels=predicted.labels.tolist(),
        predictions=predicted.predictions.tolist(),
        positions=predicted.positions.tolist(),
    )
