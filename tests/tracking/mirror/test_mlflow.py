"""The mirror, the winner's model and reconcile against a real MLflow server."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from sslcl.command import run
from sslcl.config import TrialConfig
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.mirror import Destination, Mirror
from tracking.mirror.client import FoundRun, MlflowRuns
from tracking.mirror.model import log_model
from tracking.mirror.view import VIEW_TAG, comparison_view
from tracking.reconcile import main
from tracking.reconciliation import compare_mirror
from tracking.records import Evaluation, FailureKind, Outcome, Phase, PlannedTrial, StudyRecord
from tracking.server import Server, serve
from tracking.server_address import answers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with serve(Home(home)) as server:
            assert server.wait_ready()
            yield server


@pytest.fixture(scope="module")
def ledger(home: Path) -> Iterator[Ledger]:
    ledger = Ledger.at(Home(home))
    yield ledger
    ledger.close()


def outcome() -> Outcome:
    labels, predictions = [0, 1, 1, 2], [0, 1, 2, 2]
    shown = Evaluation(
        "test", {"weighted_f1": 0.75}, list("aabb"), list("0101"), labels, predictions
    )
    return Outcome(2, 3, 0.7, {"seconds": 1.0, "parameters": 10}, (shown,), (), "here")


def put_study(ledger: Ledger, name: str) -> None:
    ledger.put_study(
        StudyRecord(
            name,
            spec={"factors": {"backbone": {}}},
            dataset="synthetic",
            data_fingerprint="d" * 64,
            label_names=["neutral", "joy", "anger"],
            code_fingerprint="c" * 64,
            environment={},
        )
    )


def put_trial(ledger: Ledger, study: str, number: int, phase: Phase, epochs: int = 3) -> str:
    trial = f"{study}-{number}"
    config = TrialConfig(seed=number)
    plan = PlannedTrial(trial, phase, f"cell{number}", f"identity-{trial}", config, number)
    ledger.plan(study, phase, [plan], replace=False)
    ledger.start(trial)
    for epoch in range(1, epochs + 1):
        ledger.record_epoch(trial, epoch, {"loss": 1 / epoch, "odd": float("nan"), "a/b:c": 1e-300})
    return trial


def fill(ledger: Ledger, study: str) -> None:
    put_study(ledger, study)
    ledger.complete(put_trial(ledger, study, 1, Phase.CONFIRM), outcome())
    ledger.prune(put_trial(ledger, study, 2, Phase.SEARCH), Outcome(1, 3, 0.1))
    ledger.fail(put_trial(ledger, study, 3, Phase.SEARCH), FailureKind.NAN, "loss: not finite")
    put_trial(ledger, study, 4, Phase.SEARCH)
    ledger.release(put_trial(ledger, study, 5, Phase.SEARCH))


def runs_of(uri: str, study: str) -> dict[str, FoundRun]:
    runs = MlflowRuns(uri)
    found = runs.runs(runs.experiment(study))
    named = {run.tags.get("trial", "parent"): run for run in found}
    assert len(named) == len(found), "a trial has two runs"
    return named


def mirrored(home: Path, ledger: Ledger, server: Server, study: str) -> dict[str, FoundRun]:
    url = f"sqlite:///{home / 'results.db'}"
    with Mirror(url, study, Destination(server.uri), interval=0.1) as mirror:
        assert mirror.drain(60.0), mirror.last_error
    return runs_of(server.uri, study)


def test_a_study_arrives_whole(home: Path, ledger: Ledger, server: Server) -> None:
    fill(ledger, "whole")
    trial = put_trial(ledger, "whole", 6, Phase.SEARCH)
    url = f"sqlite:///{home / 'results.db'}"
    with Mirror(url, "whole", Destination(server.uri), interval=0.1) as mirror:
        assert mirror.drain(60.0), mirror.last_error
        assert runs_of(server.uri, "whole")[trial].status == "RUNNING"
        ledger.release(trial)
        assert mirror.drain(60.0)
        assert runs_of(server.uri, "whole")[trial].status == "SCHEDULED"
    experiment = MlflowRuns(server.uri).find_experiment("whole")
    with closing(sqlite3.connect(home / "mlflow.db")) as connection:
        kept = "select value from experiment_tags where experiment_id = ? and key = ?"
        view = connection.execute(kept, (experiment, VIEW_TAG)).fetchone()
    assert view == (comparison_view(ledger.study("whole").spec),)
    runs = runs_of(server.uri, "whole")
    statuses = {"whole-1": "FINISHED", "whole-2": "KILLED", "whole-3": "FAILED"}
    statuses |= {"whole-4": "RUNNING", "parent": "RUNNING"}
    assert {name: runs[name].status for name in statuses} == statuses
    assert runs["whole-1"].tags["mlflow.parentRunId"] == runs["parent"].id
    comparison = compare_mirror(ledger, MlflowRuns(server.uri), "whole")
    assert comparison.differences == ()
    assert comparison.points > 5 * 9


def test_delivering_again_changes_nothing(home: Path, ledger: Ledger, server: Server) -> None:
    fill(ledger, "again")
    before = mirrored(home, ledger, server, "again")
    for row in ledger.trials("again"):
        ledger.set_mirrored(row.id, 0)
    ledger.set_mirror_study("again", None, None, 0)
    after = mirrored(home, ledger, server, "again")
    assert {name: run.id for name, run in after.items()} == {n: r.id for n, r in before.items()}
    assert compare_mirror(ledger, MlflowRuns(server.uri), "again").differences == ()


def damage(server: Server, home: Path, runs: dict[str, FoundRun]) -> None:
    client = MlflowRuns(server.uri)
    client.delete(runs["broken-1"].id)
    client.set_status(runs["broken-2"].id, "FINISHED", 7)
    client.create(client.experiment("broken"), "orphan", 1, {"trial": "nobody's"})
    client.create(client.experiment("broken"), "twin", 1, {"trial": "broken-4"})
    for table in ("metrics", "latest_metrics"):
        with closing(sqlite3.connect(home / "mlflow.db", timeout=30)) as database, database:
            database.execute(
                f"DELETE FROM {table} WHERE run_uuid = ? AND key = 'loss'", [runs["broken-3"].id]
            )


def test_reconcile_repairs_a_damaged_mlflow(
    home: Path,
    ledger: Ledger,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    fill(ledger, "broken")
    damage(server, home, mirrored(home, ledger, server, "broken"))
    call = ["--home", str(home), "--study", "broken"]
    assert run(main, [*call, "--check"]) == 1
    assert "MLflow differs from the ledger" in capsys.readouterr().out
    assert run(main, call) == 0
    assert run(main, [*call, "--check"]) == 0
    assert "MLflow equals the ledger: 4 trials" in capsys.readouterr().out
    assert runs_of(server.uri, "broken").keys() == {"parent", *(f"broken-{n}" for n in range(1, 5))}


def test_reconcile_refuses_bad_input_in_one_line(
    home: Path,
    ledger: Ledger,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put_study(ledger, "known")
    for arguments, tracking, said in (
        (["--home", str(home / "none")], server.uri, "results.db"),
        (["--home", str(home), "--study", "knwon"], server.uri, "did you mean 'known'"),
    ):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
        assert run(main, arguments) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_the_winner_loads_and_gives_identical_outputs(
    home: Path, ledger: Ledger, server: Server
) -> None:
    fill(ledger, "winner")
    run = mirrored(home, ledger, server, "winner")["winner-1"]
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    example = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    output = module(torch.from_numpy(example)).detach().numpy()
    uri = log_model(server.uri, run.id, module, example, output)
    assert log_model(server.uri, run.id, module, example, output) == uri

    import mlflow

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(server.uri)
    try:
        loaded = mlflow.pytorch.load_model(uri)
        signature = mlflow.models.get_model_info(uri).signature
    finally:
        mlflow.set_tracking_uri(before)
    assert np.array_equal(loaded(torch.from_numpy(example)).detach().numpy(), output)
    assert signature.inputs.input_types() == [np.dtype("float32")]
    assert signature.outputs is not None
    assert runs_of(server.uri, "winner")["winner-1"] == run
    assert compare_mirror(ledger, MlflowRuns(server.uri), "winner").differences == ()


def kill(server: Server) -> None:
    port = int(server.uri.rsplit(":", 1)[1])
    for child in psutil.Process().children(recursive=True):
        if f"--port {port}" in " ".join(child.cmdline()):
            child.kill()
    deadline = time.monotonic() + 20
    while answers(server.uri):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_server_killed_in_mid_study_is_caught_up_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    ledger = Ledger.at(Home(tmp_path))
    put_study(ledger, "killed")
    first = serve(Home(tmp_path))
    assert first.wait_ready()
    address = [first.uri]
    url = f"sqlite:///{tmp_path / 'results.db'}"
    with Mirror(url, "killed", Destination(lambda: address[0]), interval=0.1) as mirror:
        put_trial(ledger, "killed", 1, Phase.SEARCH)
        assert mirror.drain(60.0), mirror.last_error
        kill(first)
        ledger.complete("killed-1", outcome())
        ledger.complete(put_trial(ledger, "killed", 2, Phase.CONFIRM), outcome())
        assert not mirror.drain(3.0)
        assert mirror.behind() == 2
        assert mirror.last_error is not None
        with serve(Home(tmp_path)) as second:
            assert second.started
            assert second.wait_ready()
            address[0] = second.uri
            assert mirror.drain(60.0), mirror.last_error
            assert {r.status for r in runs_of(second.uri, "killed").values()} == {
                "RUNNING",
                "FINISHED",
            }
            assert compare_mirror(ledger, MlflowRuns(second.uri), "killed").differences == ()
    first.stop()
    ledger.close()
