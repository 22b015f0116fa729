"""Ray: a cluster of workers, and one Tune run per campaign on it."""

import gc
import os
import warnings
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from study.execution.machine.ray_start import quiet_ray, start_ray

quiet_ray()

import ray  # noqa: E402
from ray import tune  # noqa: E402
from ray.tune.experiment import Trial  # noqa: E402
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler  # noqa: E402

from search_spaces.schema import TUNED_TRIALS, Search, Study  # noqa: E402
from sslcl.source_code import files_digest  # noqa: E402
from study.execution.callbacks import Callbacks  # noqa: E402
from study.execution.campaign import CampaignRun  # noqa: E402
from study.execution.machine.gate import Gate  # noqa: E402
from study.execution.machine.gpu_packing import Gauge, GpuPacking, gpu_memory  # noqa: E402
from study.execution.machine.ray_lost import EndWithRay  # noqa: E402
from study.execution.machine.ray_nodes import (  # noqa: E402
    PACKAGES,
    require_artifacts,
    require_same_code,
    require_shared,
)
from study.execution.machine.ray_recovery import (  # noqa: E402
    Recoveries,
    count_no_callbacks,
    keep_quiet,
)
from study.execution.ray_searcher import (  # noqa: E402
    FlushLate,
    ForgetResults,
    StartTogether,
    StopWhen,
    TrialStream,
)
from study.execution.ray_worker import SHARE_KEY, TRIAL_KEY, Terms, TrialWorker  # noqa: E402
from study.execution.resources import ClusterResources  # noqa: E402
from tracking.home import GATE, Home  # noqa: E402
from tracking.ledger import Ledger  # noqa: E402
from tracking.records import Phase, PlannedTrial  # noqa: E402

RETRIES = 2
"""Times a trial is given to another worker after its worker died."""


class Cluster:
    """A Ray cluster, joined or started, and stopped if it was started here.

    Workers of a cluster that is joined are given the driver's own code by Ray, and refuse to train
    with any other. Plugin files must be readable under the same paths on all nodes.

    Args:
        resources: what trials may use, and which cluster to join.
        home: where Ray Tune keeps its own files.
        gauge: measures what a trial takes of a GPU.
    """

    def __init__(self, resources: ClusterResources, home: Home, gauge: Gauge = gpu_memory) -> None:
        self._resources = resources
        self._gauge = gauge
        # Workers run in folders of their own.
        self._home = Home(home.folder.resolve(), artifacts_url=home.artifacts_url)
        keep_quiet()
        count_no_callbacks()
        address = start_ray(resources)
        self._code = "" if address == "local" else files_digest(PACKAGES)
        # Who joins a cluster has not started its processes.
        joined = address != "local"
        self._watch = EndWithRay.of_cluster(address) if joined else EndWithRay.of_this_process()
        try:
            if self._code:
                require_same_code(self._code)
            if self._home.artifacts_url:
                require_artifacts(self._home)
            else:
                require_shared(self._home)
        except BaseException:
            self._stop()
            raise

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # References that a garbage collection in another thread drops while Ray shuts down would
        # make Ray end the whole process.
        gc.collect()
        self._stop()

    def _stop(self) -> None:
        self._watch.stop()
        ray.shutdown()

    @property
    def workers(self) -> int:
        """Trials that run at a time: as many as were asked for, or as fit."""
        return self._resources.workers or self._fitting

    @property
    def _fitting(self) -> int:
        """Trials that the cluster has room for now."""
        have = ray.cluster_resources()
        fit = have.get("CPU", 1.0) / max(self._resources.cpus_per_trial, 1e-9)
        if self._resources.gpus_per_trial:
            fit = min(fit, have.get("GPU", 0.0) / self._resources.gpus_per_trial)
        return max(int(fit), 1)

    def fit(self, run: CampaignRun, ledger: Ledger, callbacks: Callbacks) -> None:
        """Train everything that the sources give out, writing results to the ledger."""
        stream = TrialStream(run.sources, ledger, self._home, self.workers, callbacks)
        gpus = float(ray.cluster_resources().get("GPU", 0.0))
        packs = self._resources.gpus_per_trial is None and gpus > 0
        if packs:
            stream.packing = GpuPacking(gpus)
        elif self._resources.gpus_per_trial is None:
            callbacks.say("gpus_per_trial: the cluster has no GPU, so trials train on its CPUs")
        gate = Gate(self._home.store, GATE)
        together = StartTogether(stream, min(self.workers, self._fitting), gate)
        # Else Ray starts a worker only when the one before has started.
        os.environ.setdefault("TUNE_MAX_PENDING_TRIALS_PG", str(self.workers))
        minutes, ablate = run.study.budget.trial_minutes, run.study.ablate
        terms = Terms(
            gate=gate,
            code=self._code,
            seconds=None if minutes is None else 60 * minutes,
            rungs=rungs(run.study),
            extends=ablate is not None and ablate.extension_check,
            gpus=self._resources.gpus_per_trial or 0.0,
            gauge=self._gauge,
        )
        trainable = tune.with_resources(
            tune.with_parameters(
                TrialWorker, dataset=run.dataset, store=self._home.store, terms=terms
            ),
            held_by_each(self._resources),
        )
        tuner = tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=stream,
                scheduler=ByGroup(run.study, self.workers),
                num_samples=-1,
                # A worker that waits for a trial like its last would keep its share of a GPU.
                reuse_actors=not packs,
            ),
            run_config=tune.RunConfig(
                name=run.study.name,
                storage_path=str(self._home.ray),
                stop=StopWhen(callbacks.halted),
                # A trial's state is kept under its identity; Ray's own copies are not needed.
                checkpoint_config=tune.CheckpointConfig(
                    checkpoint_frequency=0, checkpoint_at_end=False
                ),
                failure_config=tune.FailureConfig(max_failures=RETRIES),
                verbose=0,
                callbacks=[
                    FlushLate(stream),
                    ForgetResults(),
                    together,
                    Recoveries(stream.retried, callbacks.say),
                ],
            ),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                try:
                    tuner.fit()
                finally:
                    gate.shut()
                    stream.flush()
            except Exception:
                # Ray goes on for a while, and may end with an error of its own.
                if stream.error is not None:
                    raise stream.error from None
                raise
        if stream.error is not None:
            raise stream.error


def held_by_each(
    resources: ClusterResources,
) -> Callable[[Mapping[str, Any]], tune.PlacementGroupFactory]:
    """What a trial holds, by its configuration."""
    cpus, gpus = resources.cpus_per_trial, resources.gpus_per_trial or 0.0

    def held(config: Mapping[str, Any]) -> tune.PlacementGroupFactory:
        return tune.PlacementGroupFactory([{"CPU": cpus, "GPU": config.get(SHARE_KEY, gpus)}])

    return held


class ByGroup(FIFOScheduler):  # type: ignore[misc]
    """The study's scheduler once for every group: cells and folds do not compete for epochs.

    Trials of phases that do not search are never pruned.

    Args:
        study: says how trials are pruned.
        workers: kept from one phase to the next.
    """

    def __init__(self, study: Study, workers: int) -> None:
        super().__init__()
        self._study = study
        self._workers = workers
        self._workers_kept = False
        self._groups: dict[tuple[Phase, str, str | None], TrialScheduler] = {}

    def _of(self, trial: Trial) -> TrialScheduler:
        planned: PlannedTrial = trial.config[TRIAL_KEY]
        cell = planned.cell if planned.phase is Phase.TUNE else ""
        group = (planned.phase, cell, planned.config.fold)
        if group not in self._groups:
            prunes = planned.phase.searches and not self._to_the_end(planned.phase)
            self._groups[group] = _scheduler(self._study) if prunes else FIFOScheduler()
        return self._groups[group]

    def _to_the_end(self, phase: Phase) -> bool:
        """Whether a row chooses among so few rates that early scores would favour the fast ones."""
        ablate = self._study.ablate
        return phase is Phase.TUNE and ablate is not None and ablate.retuned is not None

    def on_trial_add(self, controller: Any, trial: Trial) -> None:
        """Ray's hook, passed on like those below."""
        if not self._workers_kept:
            # Ray stops all idle workers but one when no trial waits, as at the end of a phase.
            # Where another Ray has no such cache, workers are only started more often.
            cache = getattr(controller, "_actor_cache", None)
            if cache is not None:
                cache.increase_max(trial.placement_group_factory, self._workers)
            self._workers_kept = True
        self._of(trial).on_trial_add(controller, trial)

    def on_trial_error(self, controller: Any, trial: Trial) -> None:
        """Ray's hook for a trial that has failed."""
        self._of(trial).on_trial_error(controller, trial)

    def on_trial_result(self, controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Ray's hook: whether the trial goes on."""
        return str(self._of(trial).on_trial_result(controller, trial, result))

    def on_trial_complete(self, controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Ray's hook for a trial that has ended."""
        self._of(trial).on_trial_complete(controller, trial, result)

    def on_trial_remove(self, controller: Any, trial: Trial) -> None:
        """Ray's hook for a trial that was stopped before it ended."""
        self._of(trial).on_trial_remove(controller, trial)


def rungs(study: Study) -> frozenset[int]:
    """Epochs after which the study's scheduler may prune a trial."""
    search, epochs = _search_of(study), study.base_config(seed=0).epochs
    if search.scheduler == "none":
        return frozenset()
    chosen = [min(search.grace_epochs, epochs)]
    while chosen[-1] < epochs:
        chosen.append(chosen[-1] * search.reduction)
    return frozenset(chosen)


def _search_of(study: Study) -> Search:
    return study.search or Search(trials=TUNED_TRIALS)


def _scheduler(study: Study) -> TrialScheduler:
    search = _search_of(study)
    if search.scheduler == "none":
        return FIFOScheduler()
    epochs = study.base_config(seed=0).epochs
    return AsyncHyperBandScheduler(
        time_attr="epoch",
        metric="score",
        mode="max",
        max_t=epochs,
        grace_period=min(search.grace_epochs, epochs),
        reduction_factor=search.reduction,
    )
