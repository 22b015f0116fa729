"""The few things asked of an MLflow server, in our own words.

:class:`MlflowRuns` says them over HTTP; tests say them to a server in memory.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from typing_extensions import override

from tracking.mirror.contents import DIGEST_LENGTH, Point
from tracking.mirror.view import VIEW_TAG

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")

METRICS_PER_BATCH = 800
PAIRS_PER_BATCH = 100
RUNS_PER_PAGE = 1000
RUNS_PER_HISTORY = 100
POINTS_PER_HISTORY = 25000  # the server cuts longer answers off

# A call must fail soon: we keep what was not delivered, and try again ourselves.
_CLIENT_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


@dataclass(frozen=True)
class FoundRun:
    """A run as MLflow has it; ``keys`` are the names of its metrics, ``digests`` its datasets."""

    id: str
    status: str
    start: int
    end: int | None
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    digests: frozenset[str] = frozenset()


class Runs(Protocol):
    """Reads and writes of runs. Every write may be repeated and then changes nothing."""

    def find_experiment(self, name: str) -> str | None:
        """Id of the experiment of that name, if there is one that is not deleted."""

    def experiment(self, name: str) -> str:
        """Id of the experiment of that name, made or restored if need be."""

    def view(self, experiment: str, text: str) -> None:
        """Keep the view that :func:`~tracking.mirror.view.comparison_address` links to."""

    def runs(self, experiment: str) -> list[FoundRun]:
        """All runs of the experiment that are not deleted."""

    def create(self, experiment: str, name: str, start: int, tags: Mapping[str, str]) -> str:
        """Id of a new run, whose status is RUNNING."""

    def log(
        self,
        run: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
        points: Sequence[Point],
    ) -> None:
        """Add parameters, set tags and add metric values, in as few calls as allowed."""

    def set_status(self, run: str, status: str, end: int | None) -> None:
        """Set status and end."""

    def delete(self, run: str) -> None:
        """Delete the run (MLflow keeps it in its bin)."""

    def dataset(self, run: str, name: str, fingerprint: str) -> None:
        """Name the dataset as the run's input, with the start of its fingerprint as digest."""

    def text(self, run: str, text: str, file: str) -> None:
        """Store ``text`` as an artifact."""

    def figure(self, run: str, figure: "Figure", file: str) -> None:
        """Store ``figure`` as an artifact."""

    def artifacts(self, run: str) -> frozenset[str]:
        """Names of the artifacts at the top of the run."""

    def history(self, keys: Mapping[str, frozenset[str]]) -> dict[str, list[Point]]:
        """All values of the given metrics, by run. ``keys``: run id -> names of metrics."""


def configure_client() -> None:
    """Have MLflow's client fail fast and keep quiet; what the user set stays."""
    for name, value in _CLIENT_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """``items`` in pieces of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


class MlflowRuns(Runs):
    """:class:`Runs` over an MLflow server.

    Args:
        uri: address of the server.
    """

    def __init__(self, uri: str) -> None:
        configure_client()
        from mlflow import MlflowClient

        self._client = MlflowClient(tracking_uri=uri)
        self._uri = uri

    @override
    def find_experiment(self, name: str) -> str | None:
        found = self._client.get_experiment_by_name(name)
        active = found is not None and found.lifecycle_stage == "active"
        return str(found.experiment_id) if active else None

    @override
    def experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            # Without the kind, the UI opens on views meant for language model applications.
            kind = {"mlflow.experimentKind": "custom_model_development"}
            return str(self._client.create_experiment(name, tags=kind))
        if found.lifecycle_stage != "active":
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    @override
    def view(self, experiment: str, text: str) -> None:
        self._client.set_experiment_tag(experiment, VIEW_TAG, text)

    @override
    def runs(self, experiment: str) -> list[FoundRun]:
        found: list[FoundRun] = []
        token = None
        while True:
            page = self._client.search_runs(
                [experiment], max_results=RUNS_PER_PAGE, page_token=token
            )
            found.extend(_found(run) for run in page)
            token = page.token
            if not token:
                return found

    @override
    def create(self, experiment: str, name: str, start: int, tags: Mapping[str, str]) -> str:
        run = self._client.create_run(experiment, start_time=start, tags=dict(tags), run_name=name)
        return str(run.info.run_id)

    @override
    def log(
        self,
        run: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
        points: Sequence[Point],
    ) -> None:
        from mlflow.entities import Metric, Param, RunTag

        param_batches = list(chunks([Param(*pair) for pair in params.items()], PAIRS_PER_BATCH))
        tag_batches = list(chunks([RunTag(*pair) for pair in tags.items()], PAIRS_PER_BATCH))
        metrics = [Metric(item.key, item.value, item.timestamp, item.step) for item in points]
        metric_batches = list(chunks(metrics, METRICS_PER_BATCH))
        for at in range(max(len(param_batches), len(tag_batches), len(metric_batches))):
            self._client.log_batch(
                run,
                metrics=metric_batches[at] if at < len(metric_batches) else (),
                params=param_batches[at] if at < len(param_batches) else (),
                tags=tag_batches[at] if at < len(tag_batches) else (),
            )

    @override
    def set_status(self, run: str, status: str, end: int | None) -> None:
        if end is None:
            self._client.update_run(run, status=status)
        else:
            self._client.set_terminated(run, status=status, end_time=end)

    @override
    def delete(self, run: str) -> None:
        self._client.delete_run(run)

    @override
    def dataset(self, run: str, name: str, fingerprint: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = json.dumps({"tags": {"dataset": name, "fingerprint": fingerprint}})
        dataset = Dataset(name, fingerprint[:DIGEST_LENGTH], "code", source)
        context = [InputTag("mlflow.data.context", "training")]
        self._client.log_inputs(run, [DatasetInput(dataset, context)])

    @override
    def text(self, run: str, text: str, file: str) -> None:
        self._client.log_text(run, text, file)

    @override
    def figure(self, run: str, figure: "Figure", file: str) -> None:
        self._client.log_figure(run, figure, file, save_kwargs={"dpi": 80})

    @override
    def artifacts(self, run: str) -> frozenset[str]:
        return frozenset(item.path for item in self._client.list_artifacts(run))

    @override
    def history(self, keys: Mapping[str, frozenset[str]]) -> dict[str, list[Point]]:
        found: dict[str, list[Point]] = {run: [] for run in keys}
        for key in sorted(frozenset().union(*keys.values())):
            having = sorted(run for run, names in keys.items() if key in names)
            for runs in chunks(having, RUNS_PER_HISTORY):
                for item in self._bulk(key, runs):
                    found[item["run_id"]].append(
                        Point(key, float(item["value"]), int(item["timestamp"]), int(item["step"]))
                    )
        return found

    def _bulk(self, key: str, runs: Sequence[str]) -> list[dict[str, Any]]:
        """One metric of up to a hundred runs: the call the UI draws its curves with."""
        from mlflow.tracking._tracking_service.utils import _get_store
        from mlflow.utils.rest_utils import http_request, verify_rest_response

        endpoint = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
        reply = http_request(
            _get_store(self._uri).get_host_creds(),
            endpoint,
            "GET",
            params={"run_id": list(runs), "metric_key": key, "max_results": POINTS_PER_HISTORY},
        )
        metrics: list[dict[str, Any]] = verify_rest_response(reply, endpoint).json()["metrics"]
        if len(metrics) < POINTS_PER_HISTORY or len(runs) == 1:
            return metrics
        half = len(runs) // 2
        return self._bulk(key, runs[:half]) + self._bulk(key, runs[half:])


def _found(run: Any) -> FoundRun:
    inputs = run.inputs.dataset_inputs if run.inputs else ()
    return FoundRun(
        id=run.info.run_id,
        status=run.info.status,
        start=run.info.start_time,
        end=run.info.end_time,
        tags=dict(run.data.tags),
        params=dict(run.data.params),
        keys=frozenset(run.data.metrics),
        digests=frozenset(item.dataset.digest for item in inputs),
    )
