"""The mirror against a server in memory: one run per trial, however often and wherever it dies."""

import hashlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import classification_report as sklearn_report

from sslcl.config import TrialConfig
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.mirror import Destination, Mirror
from tracking.mirror.client import FoundRun
from tracking.mirror.contents import Point, factor_level, point
from tracking.mirror.exporter import Exporter
from tracking.mirror.figures import classification_report, confusion_figure
from tracking.reconciliation import compare_mirror, repair
from tracking.records import (
    Diagnostic,
    Evaluation,
    FailureKind,
    Outcome,
    Phase,
    PlannedTrial,
    StudyRecord,
)

STUDY = "quick"
LABELS = ("neutral", "joy", "anger")


class MemoryRuns:
    """An MLflow server in memory with MLflow's rules; ``strike`` is called around every call."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, Any]] = {}
        self.experiments: list[str] = []
        self.views: dict[str, str] = {}
        self.strike: Callable[[str], None] = lambda moment: None
        self.writes = 0

    @contextmanager
    def _call(self, write: bool = True) -> Iterator[None]:
        self.strike("before")
        yield
        self.writes += write
        self.strike("after")

    def _active(self, run: str) -> dict[str, Any]:
        found = self.stored.get(run)
        if found is None or found["deleted"]:
            raise LookupError(f"no active run {run}")
        return found

    def find_experiment(self, name: str) -> str | None:
        return name if name in self.experiments else None

    def experiment(self, name: str) -> str:
        with self._call(write=name not in self.experiments):
            if name not in self.experiments:
                self.experiments.append(name)
        return name

    def view(self, experiment: str, text: str) -> None:
        with self._call():
            self.views[experiment] = text

    def runs(self, experiment: str) -> list[FoundRun]:
        with self._call(write=False):
            return [
                FoundRun(
                    *(run, r["status"], r["start"], r["end"], dict(r["tags"]), dict(r["params"])),
                    keys=frozenset(key for key, *_ in r["points"]),
                    digests=frozenset(r["datasets"]),
                )
                for run, r in self.stored.items()
                if r["experiment"] == experiment and not r["deleted"]
            ]

    def create(self, experiment: str, name: str, start: int, tags: Mapping[str, str]) -> str:
        run = f"run-{len(self.stored)}"
        with self._call():
            self.stored[run] = {
                "experiment": experiment,
                "name": name,
                "start": start,
                "tags": dict(tags),
                "status": "RUNNING",
                "end": None,
                "params": {},
                "points": {},
                "deleted": False,
                "datasets": set(),
                "artifacts": set(),
            }
        return run

    def log(
        self,
        run: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
        points: Sequence[Point],
    ) -> None:
        with self._call():
            found = self._active(run)
            for name, value in params.items():
                if found["params"].setdefault(name, value) != value:
                    raise ValueError(f"changing param {name}")
            found["tags"].update(tags)
            found["points"].update({item.identity: item for item in points})

    def set_status(self, run: str, status: str, end: int | None) -> None:
        with self._call():
            found = self._active(run)
            found["status"] = status
            found["end"] = end or found["end"]

    def delete(self, run: str) -> None:
        with self._call():
            self._active(run)["deleted"] = True

    def dataset(self, run: str, name: str, fingerprint: str) -> None:
        with self._call():
            self._active(run)["datasets"].add(fingerprint[:36])

    def text(self, run: str, text: str, file: str) -> None:
        with self._call():
            self._active(run)["artifacts"].add(file)

    def figure(self, run: str, figure: object, file: str) -> None:
        self.text(run, "", file)

    def artifacts(self, run: str) -> frozenset[str]:
        return frozenset(self._active(run)["artifacts"])

    def history(self, keys: Mapping[str, frozenset[str]]) -> dict[str, list[Point]]:
        return {
            run: [p for p in self._active(run)["points"].values() if p.key in names]
            for run, names in keys.items()
        }

    def of(self, trial: str) -> list[dict[str, Any]]:
        """Runs of a trial that are not deleted."""
        alive = [run for run in self.stored.values() if not run["deleted"]]
        return [run for run in alive if run["tags"].get("trial") == trial]

    def essence(self) -> list[Any]:
        """A copy of all that is not deleted, without run ids."""
        kept = ("name", "start", "status", "end", "params", "datasets", "artifacts")
        return sorted(
            (
                [deepcopy(run[name]) for name in kept],
                sorted((k, v) for k, v in run["tags"].items() if k != "mlflow.parentRunId"),
                sorted(run["points"]),
            )
            for run in self.stored.values()
            if not run["deleted"]
        )


def evaluation(split: str) -> Evaluation:
    return Evaluation(
        split=split,
        metrics={"weighted_f1": 0.625, "f1:joy": 0.5},
        conversations=["a", "a", "b", "b"],
        utterances=["0", "1", "0", "1"],
        labels=[0, 1, 1, 2],
        predictions=[0, 1, 2, 2],
    )


def outcome(*splits: str) -> Outcome:
    return Outcome(
        best_epoch=2,
        epochs=3,
        score=0.75,
        cost={"seconds": 1.5, "parameters": 1000, "utterances_per_second": 99.0},
        evaluations=tuple(evaluation(split) for split in splits),
        diagnostics=(Diagnostic("effective_rank", 2.5, "the label embeddings collapse"),),
        worker="host/1/cpu",
    )


def planned(name: str, phase: Phase = Phase.CONFIRM, number: int | None = None) -> PlannedTrial:
    config = TrialConfig(seed=len(name), backbone_options={"layers": 2})
    return PlannedTrial(name, phase, f"cell-{name}", f"identity-{name}", config, number)


def trial_in(ledger: Ledger, trial: PlannedTrial, epochs: int = 3, start: bool = True) -> str:
    ledger.plan(STUDY, trial.phase, [trial], replace=False)
    if start:
        ledger.start(trial.id)
    for epoch in range(1, epochs + 1):
        ledger.record_epoch(trial.id, epoch, {"loss": 1.0 / epoch, "seconds": 0.5 + epoch})
    return trial.id


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    yield from open_ledger(tmp_path)


def open_ledger(home: Path) -> Iterator[Ledger]:
    ledger = Ledger.at(Home(home))
    ledger.put_study(
        StudyRecord(
            STUDY,
            spec={"factors": {"backbone": {}, "backbone_options.layers": {}}},
            dataset="synthetic",
            data_fingerprint="d" * 64,
            label_names=list(LABELS),
            code_fingerprint="c" * 64,
            environment={"python": "3"},
        )
    )
    yield ledger
    ledger.close()


def fill(ledger: Ledger) -> None:
    """One trial in every status."""
    ledger.complete(trial_in(ledger, planned("complete")), outcome("validation", "test"))
    same = replace(planned("complete", Phase.ABLATE), id="cached", cell="cell-cached")
    ledger.plan(STUDY, Phase.ABLATE, [same], replace=False)
    ledger.cache("cached", "complete")
    ledger.prune(trial_in(ledger, planned("pruned", Phase.SEARCH, 4), epochs=1), outcome())
    ledger.fail(trial_in(ledger, planned("failed")), FailureKind.NAN, "loss is not finite")
    trial_in(ledger, planned("running"))
    trial_in(ledger, planned("planned"), epochs=0, start=False)


def push_all(ledger: Ledger, runs: MemoryRuns) -> None:
    exporter = Exporter(ledger, runs, STUDY)
    exporter.push_study()
    for row in ledger.pending_mirror(STUDY):
        exporter.push(row)


def test_every_status_becomes_the_right_run(ledger: Ledger) -> None:
    fill(ledger)
    runs = MemoryRuns()
    push_all(ledger, runs)
    statuses = {"complete": "FINISHED", "cached": "FINISHED", "pruned": "KILLED"}
    statuses |= {"failed": "FAILED", "running": "RUNNING"}
    for trial, status in statuses.items():
        (run,) = runs.of(trial)
        assert run["status"] == status
        assert run["datasets"] == {"d" * 36}
        assert run["params"]["backbone_options"] == '{"layers": 2}'
        assert run["params"]["learning_rate"] == "0.001"
        assert run["tags"]["backbone_options.layers"] == "2"
        assert set(run["params"]) == set(TrialConfig.model_fields)
    assert runs.of("planned") == []
    assert runs.of("pruned")[0]["name"] == "search/4"
    assert runs.of("complete")[0]["name"] == "confirm/cell-complete/8"
    assert runs.of("failed")[0]["tags"]["failure"] == "nan"
    assert runs.of("cached")[0]["tags"]["original"] == "complete"


def test_metrics_carry_the_ledgers_values_epochs_and_times(ledger: Ledger) -> None:
    fill(ledger)
    runs = MemoryRuns()
    push_all(ledger, runs)
    (run,) = runs.of("complete")
    given = {(p.key, p.step): (p.value, p.timestamp) for p in run["points"].values()}
    for item in ledger.epoch_metrics("complete"):
        assert given[item.metric, item.epoch] == (item.value, item.logged_at)
    ended = ledger.trial("complete").ended_at
    final = {"score": 0.75, "total_seconds": 1.5, "test_weighted_f1": 0.625, "test_f1:joy": 0.5}
    final |= {"chosen_validation_weighted_f1": 0.625, "diagnostic_effective_rank": 2.5}
    for name, value in final.items():
        assert given[name, 2] == (value, ended)
    assert run["artifacts"] == {"confusion_matrix.png", "classification_report.txt"}
    assert run["tags"]["warnings"] == "the label embeddings collapse"
    assert (run["end"], run["start"]) == (ended, ledger.trial("complete").started_at)


def test_a_failure_is_not_given_the_scores_of_the_next_attempt(ledger: Ledger) -> None:
    ledger.fail(trial_in(ledger, planned("again")), FailureKind.NODE, "the machine is gone")
    (stale,) = ledger.pending_mirror(STUDY)
    ledger.retry("again")
    ledger.start("again")
    ledger.complete("again", outcome("validation", "test"))
    runs = MemoryRuns()
    exporter = Exporter(ledger, runs, STUDY)
    exporter.push_study()
    exporter.push(stale)
    (run,) = runs.of("again")
    assert run["status"] == "FINISHED"
    assert {p.step for p in run["points"].values() if p.key.startswith("test_")} == {2}
    assert ledger.pending_mirror(STUDY) == []
    assert compare_mirror(ledger, runs, STUDY).differences == ()


@pytest.mark.parametrize("phase", [Phase.SEARCH, Phase.TUNE])
def test_search_trials_show_no_predictions(ledger: Ledger, phase: Phase) -> None:
    trial = trial_in(ledger, planned("searched", phase, 1))
    ledger.complete(trial, outcome("validation"))
    runs = MemoryRuns()
    push_all(ledger, runs)
    assert runs.of("searched")[0]["artifacts"] == set()


def test_a_second_look_writes_nothing(ledger: Ledger) -> None:
    fill(ledger)
    runs = MemoryRuns()
    push_all(ledger, runs)
    written = runs.writes
    push_all(ledger, runs)
    assert runs.writes == written


def test_a_trial_is_followed_from_start_to_end_and_back(ledger: Ledger) -> None:
    runs = MemoryRuns()
    exporter = Exporter(ledger, runs, STUDY)
    trial = trial_in(ledger, planned("followed"), epochs=1)
    steps: list[tuple[Callable[[], object], str, int]] = [
        (lambda: None, "RUNNING", 1),
        (lambda: ledger.record_epoch(trial, 2, {"loss": 0.5}), "RUNNING", 2),
        (lambda: ledger.release(trial), "SCHEDULED", 2),
        (lambda: ledger.start(trial), "RUNNING", 2),
        (lambda: ledger.complete(trial, outcome("validation")), "FINISHED", 2),
    ]
    for act, status, epochs in steps:
        act()
        for row in ledger.pending_mirror(STUDY):
            exporter.push(row)
        (run,) = runs.of(trial)
        assert run["status"] == status
        assert {p.step for p in run["points"].values() if p.key == "loss"} == set(
            range(1, epochs + 1)
        )
        assert ledger.pending_mirror(STUDY) == []


def test_the_parent_run_follows_the_study(ledger: Ledger) -> None:
    runs = MemoryRuns()
    trial_in(ledger, planned("child"))
    for status, expected in (
        ("RUNNING", "RUNNING"),
        ("STOPPED", "KILLED"),
        ("COMPLETE", "FINISHED"),
    ):
        ledger.set_study_status(STUDY, status)
        push_all(ledger, runs)
        (parent,) = [r for r in runs.stored.items() if r[1]["tags"]["kind"] == "study"]
        assert (parent[1]["status"], parent[1]["name"]) == (expected, STUDY)
        assert "study.json" in parent[1]["artifacts"]
        assert runs.of("child")[0]["tags"]["mlflow.parentRunId"] == parent[0]


def test_a_run_created_but_never_recorded_is_found_again(ledger: Ledger) -> None:
    trial_in(ledger, planned("lost"))
    runs = MemoryRuns()

    def die_after_create(moment: str) -> None:
        if moment == "after" and runs.of("lost"):
            raise ConnectionError("gone")

    runs.strike = die_after_create
    with pytest.raises(ConnectionError):
        push_all(ledger, runs)
    assert ledger.mirror_run("lost") is None
    runs.strike = lambda moment: None
    push_all(ledger, runs)
    assert len(runs.of("lost")) == 1
    assert len(runs.stored) == 2


def test_twins_are_deleted_and_the_recorded_run_stays(ledger: Ledger) -> None:
    trial_in(ledger, planned("twin"))
    runs = MemoryRuns()
    push_all(ledger, runs)
    recorded = ledger.mirror_run("twin")
    runs.create(STUDY, "x", 0, {"trial": "twin"})
    ledger.record_epoch("twin", 4, {"loss": 0.1})
    push_all(ledger, runs)
    assert len(runs.of("twin")) == 1
    assert recorded is not None
    assert not runs.stored[recorded]["deleted"]
    assert ledger.mirror_run("twin") == recorded


def test_a_run_that_somebody_deleted_is_made_again(ledger: Ledger) -> None:
    trial_in(ledger, planned("deleted"))
    runs = MemoryRuns()
    push_all(ledger, runs)
    runs.delete(str(ledger.mirror_run("deleted")))
    ledger.record_epoch("deleted", 4, {"loss": 0.1})
    push_all(ledger, runs)
    (run,) = runs.of("deleted")
    assert {p.step for p in run["points"].values()} == {1, 2, 3, 4}


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(deaths=st.lists(st.tuples(st.integers(1, 25), st.sampled_from(["before", "after"]))))
def test_wherever_it_dies_the_end_is_as_if_it_never_had(
    tmp_path_factory: pytest.TempPathFactory, deaths: list[tuple[int, str]]
) -> None:
    opened = open_ledger(tmp_path_factory.mktemp("home"))
    ledger = next(opened)
    fill(ledger)
    runs, clean = MemoryRuns(), MemoryRuns()
    for call, moment in deaths:
        runs.strike = dies_at(call, moment)
        with suppress(ConnectionError):
            push_all(ledger, runs)
    runs.strike = lambda moment: None
    push_all(ledger, runs)
    assert ledger.pending_mirror(STUDY) == []
    found = runs.essence()
    forget_delivery(ledger)
    push_all(ledger, clean)
    assert found == clean.essence()
    next(opened, None)


def dies_at(call: int, moment: str) -> Callable[[str], None]:
    left = [call]

    def strike(now: str) -> None:
        left[0] -= now == moment
        if left[0] <= 0:
            raise ConnectionError("gone")

    return strike


def forget_delivery(ledger: Ledger) -> None:
    ledger.set_mirror_study(STUDY, None, None, 0)
    for row in ledger.trials(STUDY, current=None):
        ledger.set_mirrored(row.id, 0)


class Down:
    """A switch for a server that is down until it is put up."""

    def __init__(self, runs: MemoryRuns) -> None:
        self.runs = runs
        self.up = threading.Event()
        runs.strike = self._strike

    def _strike(self, moment: str) -> None:
        if not self.up.is_set():
            raise ConnectionError("connection refused")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_that_is_down_costs_nothing_and_is_caught_up_with(
    ledger: Ledger, tmp_path: Path
) -> None:
    fill(ledger)
    runs = MemoryRuns()
    switch = Down(runs)
    url = f"sqlite:///{tmp_path / 'results.db'}"
    with Mirror(url, STUDY, Destination("http://there", lambda _: runs), interval=0.05) as mirror:
        wait_for(lambda: mirror.last_error == "connection refused")
        assert mirror.behind() == 5
        assert not mirror.drain(0.3)
        switch.up.set()
        assert mirror.drain(20.0)
        assert (mirror.behind(), mirror.last_error) == (0, None)
    assert compare_mirror(ledger, runs, STUDY).differences == ()


def test_the_mirror_waits_for_an_address(ledger: Ledger, tmp_path: Path) -> None:
    trial_in(ledger, planned("early"))
    runs = MemoryRuns()
    address: list[str] = []
    url = f"sqlite:///{tmp_path / 'results.db'}"
    mirror = Mirror(
        url, STUDY, Destination(lambda: next(iter(address), None), lambda _: runs), 0.05
    )
    with mirror:
        assert not mirror.drain(0.3)
        address.append("http://there")
        assert mirror.drain(20.0)
    assert len(runs.of("early")) == 1


def test_one_trial_that_cannot_be_delivered_does_not_hold_up_the_others(
    ledger: Ledger, tmp_path: Path
) -> None:
    fill(ledger)
    runs = MemoryRuns()
    create = runs.create

    def picky(experiment: str, name: str, start: int, tags: Mapping[str, str]) -> str:
        if tags.get("trial") == "complete":
            raise ValueError("refused")
        return create(experiment, name, start, tags)

    runs.create = picky  # type: ignore[method-assign]
    url = f"sqlite:///{tmp_path / 'results.db'}"
    with Mirror(url, STUDY, Destination("http://there", lambda _: runs), interval=0.05) as mirror:
        wait_for(lambda: mirror.behind() == 1)
        assert mirror.last_error == "refused"


def set_value(runs: MemoryRuns, trial: str, **values: Any) -> None:
    (run,) = runs.of(trial)
    run.update(values)


def drop_point(runs: MemoryRuns) -> None:
    (run,) = runs.of("complete")
    del run["points"][next(iter(run["points"]))]


def add_point(runs: MemoryRuns) -> None:
    extra = Point("loss", 0.123, 77, 2)
    runs.of("complete")[0]["points"][extra.identity] = extra


DAMAGE: dict[str, Callable[[MemoryRuns], object]] = {
    "run": lambda runs: set_value(runs, "complete", deleted=True),
    "status": lambda runs: set_value(runs, "pruned", status="FINISHED"),
    "end": lambda runs: set_value(runs, "pruned", end=5),
    "dataset": lambda runs: set_value(runs, "failed", datasets=set()),
    "tag failure": lambda runs: runs.of("failed")[0]["tags"].update(failure="oom"),
    "param seed": lambda runs: runs.of("complete")[0]["params"].update(seed="999"),
    "param epochs": lambda runs: runs.of("complete")[0]["params"].pop("epochs"),
    "loss at 1": drop_point,
    "loss at 2": add_point,
    "confusion_matrix.png": lambda runs: set_value(runs, "complete", artifacts=set()),
    "second run": lambda runs: runs.create(STUDY, "x", 0, {"trial": "complete"}),
    "trial not in the ledger": lambda runs: runs.create(STUDY, "x", 0, {"trial": "unknown"}),
    "second run of the study": lambda runs: runs.create(STUDY, "x", 9**15, {"kind": "study"}),
    "run of the study": lambda runs: runs.delete("run-0"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_reconcile_sees_and_mends_every_damage(ledger: Ledger, what: str) -> None:
    fill(ledger)
    runs = MemoryRuns()
    push_all(ledger, runs)
    sound = runs.essence()
    assert compare_mirror(ledger, runs, STUDY).differences == ()
    DAMAGE[what](runs)
    written = runs.writes
    comparison = compare_mirror(ledger, runs, STUDY)
    assert what in {item.what for item in comparison.differences}
    assert runs.writes == written, "comparing must write nothing"
    repair(ledger, runs, STUDY, comparison.differences)
    assert compare_mirror(ledger, runs, STUDY).differences == ()
    assert runs.essence() == sound


def test_reconcile_leaves_what_is_somebodys_own(ledger: Ledger) -> None:
    fill(ledger)
    runs = MemoryRuns()
    push_all(ledger, runs)
    (run,) = runs.of("complete")
    mine = point("my_own_metric", 1.0, 1, 1)
    run["points"][mine.identity] = mine
    run["tags"]["note"] = "mine"
    runs.create(STUDY, "my own run", 0, {})
    assert compare_mirror(ledger, runs, STUDY).differences == ()


def test_infinities_and_nan_are_kept_as_mlflow_keeps_them() -> None:
    assert point("x", math.inf, 0, 0).value == pytest.approx(1.7976931348623157e308)
    assert point("x", math.nan, 0, 0).identity == point("x", math.nan, 0, 0).identity
    assert point("f1:joy!?", 0.0, 0, 0).key.startswith("f1:joy__")


def test_a_factor_that_does_not_apply_has_no_level() -> None:
    config = {"backbone": "recurrent", "backbone_options": {"layers": 2}, "epochs": 3}
    levels = [factor_level(config, n) for n in ("backbone", "epochs", "backbone_options.layers")]
    assert levels == ["recurrent", "3", "2"]
    assert factor_level(config, "backbone_options.heads") is None


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_the_report_agrees_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, predictions = zip(*pairs, strict=True)
    shown = Evaluation("test", {}, [], [], labels, predictions)
    reference = sklearn_report(
        *(labels, predictions),
        labels=[0, 1, 2],
        target_names=LABELS,
        zero_division=0,
        output_dict=True,
    )
    lines = [line.strip() for line in classification_report(shown, LABELS).splitlines()]
    for name in LABELS:
        line = next(line for line in lines if line.startswith(name)).split()
        wanted = reference[name]
        expected = [wanted[key] for key in ("precision", "recall", "f1-score", "support")]
        assert [float(item) for item in line[1:]] == pytest.approx(expected, abs=5e-5)
    weighted = next(line for line in lines if line.startswith("weighted")).split()
    assert float(weighted[4]) == pytest.approx(reference["weighted avg"]["f1-score"], abs=5e-5)
    macro = next(line for line in lines if line.startswith("macro")).split()
    assert float(macro[4]) == pytest.approx(reference["macro avg"]["f1-score"], abs=5e-5)


def test_the_confusion_matrix_has_the_true_class_in_rows() -> None:
    shown = evaluation("test")
    (axes,) = confusion_figure(shown, LABELS).axes
    counts = [text.get_text().split("\n")[-1] for text in axes.texts]
    assert counts == [str(n) for n in (1, 0, 0, 0, 1, 1, 0, 0, 1)]
    assert axes.texts[4].get_text() == "50 %\n1"


def push_page(ledger: Ledger, runs: MemoryRuns, page: Path) -> Exporter:
    exporter = Exporter(ledger, runs, STUDY, page)
    exporter.push_study()
    exporter.push_page()
    return exporter


def parent_of(runs: MemoryRuns) -> dict[str, Any]:
    (parent,) = [r for r in runs.stored.values() if r["tags"].get("kind") == "study"]
    return parent


def test_the_report_goes_to_the_parent_run_whenever_it_is_new(
    ledger: Ledger, tmp_path: Path
) -> None:
    page, runs = tmp_path / "report.html", MemoryRuns()
    exporter = push_page(ledger, runs, page)
    assert parent_of(runs)["artifacts"] == {"study.json"}
    for text in ("first", "second"):
        page.write_text(text)
        exporter.push_page()
        digest = parent_of(runs)["tags"]["report_sha256"]
        assert digest == hashlib.sha256(text.encode()).hexdigest()
        assert "report.html" in parent_of(runs)["artifacts"]
        written = runs.writes
        exporter.push_page()
        push_page(ledger, runs, page)
        assert runs.writes == written


def test_the_report_is_delivered_at_least_once(ledger: Ledger, tmp_path: Path) -> None:
    """The connection breaks at every call in turn, before or after it took effect."""
    page = tmp_path / "report.html"
    page.write_text("<p>found</p>")
    for fatal in range(12):
        runs, calls = MemoryRuns(), iter(range(100))

        def strike(moment: str, calls: Iterator[int] = calls, fatal: int = fatal) -> None:
            if next(calls) == fatal:
                raise ConnectionError(moment)

        runs.strike = strike
        ledger.set_mirror_study(STUDY, None, None, 0)
        for _ in range(2):
            with suppress(ConnectionError):
                push_page(ledger, runs, page)
        assert "report.html" in parent_of(runs)["artifacts"]
        assert parent_of(runs)["tags"]["report_sha256"]


def test_drain_waits_for_the_report(ledger: Ledger, tmp_path: Path) -> None:
    page, runs = tmp_path / "report.html", MemoryRuns()
    with Mirror(ledger.url, STUDY, Destination("memory", lambda uri: runs), 0.02, page) as mirror:
        assert mirror.drain(10.0)
        page.write_text("<p>found</p>")
        assert mirror.drain(10.0)
        assert "report.html" in parent_of(runs)["artifacts"]


def test_reconcile_brings_a_lost_report_back(ledger: Ledger, tmp_path: Path) -> None:
    page, runs = tmp_path / "report.html", MemoryRuns()
    page.write_text("<p>found</p>")
    push_page(ledger, runs, page)
    assert compare_mirror(ledger, runs, STUDY, page).differences == ()
    parent_of(runs)["artifacts"].discard("report.html")
    (lost,) = compare_mirror(ledger, runs, STUDY, page).differences
    assert (lost.what, lost.mlflow) == ("report.html", "none")
    repair(ledger, runs, STUDY, [lost], page)
    assert compare_mirror(ledger, runs, STUDY, page).differences == ()
    page.write_text("<p>newer</p>")
    (stale,) = compare_mirror(ledger, runs, STUDY, page).differences
    assert stale.what == "tag report_sha256"
    repair(ledger, runs, STUDY, [stale], page)
    assert compare_mirror(ledger, runs, STUDY, page).differences == ()
