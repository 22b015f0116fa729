"""Training one trial to its end, and what is kept of it. No scheduler in sight."""

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any

import torch

from sslcl.config import TrialConfig
from sslcl.data.types import Dataset, Split
from sslcl.diagnostics import diagnose
from sslcl.errors import Diverged
from sslcl.fusion.compatibility import group_of, place_in_group
from sslcl.fusion.trainer import FusedTrainer
from sslcl.metrics import Ints
from sslcl.profiling import profile, reset_peak_memory, training_cost
from sslcl.training import Predictions, Trainer
from study.execution.machine.time_limit import TimedOut
from tracking.artifacts import Store
from tracking.records import Diagnostic, Evaluation, FailureKind, Outcome

_FLOPS = "flops_per_utterance"
_INFERENCE = ("latency_p50_ms", "latency_p95_ms", _FLOPS)


def pick_device(gpu: bool = True) -> torch.device:
    """The GPU this process was given, else the CPU with one thread.

    One thread, because results are promised bit for bit and trials run side by side.

    Args:
        gpu: whether a GPU may be used.
    """
    torch.set_num_threads(1)
    if not (gpu and torch.cuda.is_available()):
        return torch.device("cpu")
    repeat_bit_for_bit()
    return torch.device("cuda")


def device_of(worker: str | None) -> torch.device:
    """The kind of device that a trial was trained on, if it is here, else the CPU.

    Args:
        worker: :func:`worker_name` of who trained it.
    """
    return pick_device(gpu=(worker or "").rpartition(" ")[2].startswith("cuda"))


def repeat_bit_for_bit() -> None:
    """Have CUDA compute the same bits each time, as far as it can.

    The same GPU model, driver and libraries are needed as well. Operations that have no such form
    go on in the one they have.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    # Filling what is about to be overwritten would only cost time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True, warn_only=True)


def train(
    config: TrialConfig,
    dataset: Dataset,
    on_epoch: Callable[[int, dict[str, float]], None] = lambda epoch, metrics: None,
    device: torch.device | None = None,
) -> tuple[Trainer, Outcome]:
    """Train ``config`` from the first epoch to the last, here and now, with its group if any.

    Args:
        config: the trial.
        dataset: without its test split where that is sealed.
        on_epoch: told of each epoch's number and metrics.
        device: where to train; a group is trained on the CPU.

    Raises:
        Diverged: when a value of it is not finite.
    """
    reset_peak_memory()
    if config.fused_seeds:
        return _train_in_group(config, dataset, on_epoch)
    trainer = Trainer(config, dataset, device or pick_device())
    while not trainer.finished:
        metrics = trainer.fit_epoch()
        on_epoch(trainer.epoch, metrics)
    return trainer, conclude(trainer, dataset)


def fused_trainer(config: TrialConfig, dataset: Dataset) -> FusedTrainer:
    """The trainer of a fused trial's group, on the CPU with one thread."""
    torch.set_num_threads(1)
    return FusedTrainer(group_of(config), dataset)


def _train_in_group(
    config: TrialConfig, dataset: Dataset, on_epoch: Callable[[int, dict[str, float]], None]
) -> tuple[Trainer, Outcome]:
    group = fused_trainer(config, dataset)
    number = place_in_group(config)
    member = group.members[number]
    while number in group.running:
        result = group.fit_epoch()[number]
        if isinstance(result, Diverged):
            raise result
        on_epoch(member.epoch, result)
    return member, conclude(member, dataset)


def conclude(
    trainer: Trainer, dataset: Dataset, inference: Mapping[str, float] | None = None
) -> Outcome:
    """Put back the best epoch and evaluate it: validation always, test where it is not sealed.

    Utterances of a fold are placed where they are in the whole corpus.

    Args:
        trainer: of a finished trial.
        dataset: without its test split where that is sealed.
        inference: costs of inference that are known from a model that differs in its weights
            only: those of its whole group, or its operations alone.
    """
    trainer.restore_best()
    validation = trainer.validation()
    places = dataset.places
    evaluations = [_evaluation("validation", validation, places.get("validation"))]
    spent = cost(trainer, utterances_of(dataset.train))
    if dataset.test is not None:
        tested, probed = trainer.test(dataset.test), trainer.probe(dataset.test)
        evaluations.append(_evaluation("test", tested, places.get("test")))
        evaluations.append(_evaluation("probe", probed, places.get("test")))
        # Inference is not measured in a search, which it would slow down.
        known = inference or {}
        whole = known.keys() >= set(_INFERENCE)
        spent |= known if whole else profile(trainer, dataset.test, known.get(_FLOPS))
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


def inference_cost(outcome: Outcome, *, grouped: bool) -> Mapping[str, float]:
    """What of an outcome's cost models that differ in their weights only have in common.

    Args:
        outcome: of one of them.
        grouped: whether they were trained as one program, whose inference is timed once; the
            latencies of others are measured on each, since tables compare them over seeds.
    """
    names = _INFERENCE if grouped else (_FLOPS,)
    return {name: outcome.cost[name] for name in names if name in outcome.cost}


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


def save_state(state: dict[str, Any], store: Store, name: str) -> None:
    """Write a checkpoint, or none where there is no room or no answer: it only saves time."""
    content = BytesIO()
    torch.save(state, content)
    # Each protocol's package has errors of its own.
    with suppress(Exception):
        store.write(name, content.getvalue())


def load_state(store: Store, name: str) -> dict[str, Any] | None:
    """Read a checkpoint; ``None`` where there is none that can be read."""
    try:
        content = BytesIO(store.read(name))
        state: dict[str, Any] = torch.load(content, map_location="cpu", weights_only=True)
    except Exception:
        # A checkpoint only saves time: one that cannot be read costs a fresh start, no more.
        return None
    return state


def _evaluation(split: str, predicted: Predictions, places: Ints | None) -> Evaluation:
    positions = predicted.positions if places is None else places[predicted.positions]
    return Evaluation(
        split=split,
        metrics=dict(predicted.metrics),
        conversations=list(predicted.conversations),
        utterances=list(predicted.utterances),
        labels=predicted.labels.tolist(),
        predictions=predicted.predictions.tolist(),
        positions=positions.tolist(),
    )
