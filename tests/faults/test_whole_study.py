"""One command, end to end, and what it promises about what it leaves."""

from pathlib import Path

import pytest

from .conftest import STUDY, TRIALS, Home

pytestmark = pytest.mark.slow


def test_every_planned_trial_is_in_the_ledger_once_and_final(finished: Home) -> None:
    counts = dict(finished.sql("select phase, count(*) from trials group by phase"))
    assert counts == TRIALS
    statuses = {status for (status,) in finished.sql("select distinct status from trials")}
    assert statuses <= {"COMPLETE", "PRUNED", "CACHED"}


def test_both_workers_trained_although_trials_are_shorter_than_a_workers_start(
    finished: Home,
) -> None:
    shares = finished.sql("select worker, count(*) from trials where attempts > 0 group by worker")
    assert len(shares) == 2
    assert min(count for _, count in shares) >= sum(TRIALS.values()) // 4


def test_search_sees_no_test_scores(finished: Home) -> None:
    found = finished.sql(
        "select count(*) from evaluations e join trials t on t.id = e.trial "
        "where t.phase = 'search' and e.split = 'test'"
    )
    assert found == [(0,)]


def test_the_ablation_view_prints_the_table(finished: Home) -> None:
    rows = finished.sql(
        "select factor, level, n, mean, difference, ci_low, ci_high, p_corrected, seconds "
        "from ablation where study = 'tiny' and metric = 'weighted_f1' and phase = 'ablate'"
    )
    assert {row[0] for row in rows[1:]} == {"objective", "similarity"}
    assert all(row[2] == 2 and row[8] > 0 for row in rows)
    output = (finished.path / "output.txt").read_text()
    for _, level, _, mean, *_ in rows[1:]:
        assert str(level) in output
        assert f"{100 * mean:.2f}" in output


def test_the_last_line_opens_mlflow_on_the_comparison(finished: Home) -> None:
    last = (finished.path / "output.txt").read_text().splitlines()[-1]
    ((experiment,),) = finished.sql(
        "select experiment_id from experiments where name = 'tiny'", "mlflow.db"
    )
    assert f"/#/experiments/{experiment}/runs?viewStateShareKey=comparison" in last
    view = f"select count(*) from experiment_tags where experiment_id = {experiment}"
    assert finished.count(f"{view} and key = 'mlflow.sharedViewState.comparison'", "mlflow.db") == 1


def test_pruned_trials_are_pruned_everywhere(finished: Home) -> None:
    numbers = finished.sql("select number, id from trials where status = 'PRUNED'")
    assert numbers, "ASHA stopped nothing: the study is too small for this test"
    for number, trial in numbers:
        state = finished.sql(f"select state from trials where number = {number}", "optuna.db")
        assert state == [("PRUNED",)]
        status = finished.sql(
            "select r.status from runs r join tags t on t.run_uuid = r.run_uuid "
            f"where t.key = 'trial' and t.value = '{trial}'",
            "mlflow.db",
        )
        assert status == [("KILLED",)]


def test_mlflow_has_one_run_per_trial_and_one_for_the_study(finished: Home) -> None:
    children = finished.sql("select value from tags where key = 'trial'", "mlflow.db")
    assert sorted(children) == sorted(finished.sql("select id from trials"))
    runs = finished.count("select count(*) from runs", "mlflow.db")
    assert runs == sum(TRIALS.values()) + 1
    assert finished.count("select count(*) from runs where status = 'RUNNING'", "mlflow.db") == 0
    parents = finished.sql(
        "select distinct value from tags where key = 'mlflow.parentRunId'", "mlflow.db"
    )
    assert len(parents) == 1


def test_the_winner_is_logged_as_a_model(finished: Home) -> None:
    assert finished.count("select count(*) from logged_models", "mlflow.db") == 1


def test_the_reference_is_trained_anew_with_seeds_that_did_not_choose_it(finished: Home) -> None:
    seeds = "select distinct seed from trials where phase = '{}'"
    assert not set(finished.sql(seeds.format("confirm"))) & set(
        finished.sql(seeds.format("ablate"))
    )
    reference = "select status from trials where cell = 'reference'"
    assert finished.sql(reference) == [("COMPLETE",)] * 2


def test_the_same_command_again_trains_nothing_and_prints_the_same_table(finished: Home) -> None:
    before = finished.sql("select id, attempts, ended_at from trials order by id")
    again = finished.run()
    assert again.returncode == 0
    assert "nothing left to train" in again.stdout
    assert finished.sql("select id, attempts, ended_at from trials order by id") == before
    first = (finished.path / "output.txt").read_text()
    table = first[first.index("Ablation of") : first.index("done:")]
    assert table in again.stdout


def test_replay_is_identical_bit_for_bit(finished: Home) -> None:
    trial = finished.sql("select id from trials where phase = 'ablate' and status = 'COMPLETE'")
    done = finished.run(trial[0][0][:16], module="study.replay")
    assert done.returncode == 0, done.stdout
    assert "identical" in done.stdout


def test_reconcile_finds_mlflow_equal(finished: Home) -> None:
    done = finished.run("--check", module="tracking.reconcile")
    assert done.returncode == 0, done.stdout


def test_an_extended_study_trains_only_what_is_new(tmp_path: Path) -> None:
    search_only = STUDY[: STUDY.index("confirm:")]
    home = Home(tmp_path, search_only.replace("{trials: 8", "{trials: 2"))
    assert home.run().returncode == 0
    before = home.sql("select id, attempts from trials where phase = 'search'")
    home.study = search_only.replace("{trials: 8", "{trials: 3")
    home.__post_init__()
    done = home.run()
    assert done.returncode == 0
    assert "search.trials: 2 -> 3" in done.stdout
    after = home.sql("select id, attempts from trials where phase = 'search'")
    assert set(before) < set(after)
    assert len(after) == 3


def test_a_diverging_trial_fails_everywhere_and_the_study_goes_on(tmp_path: Path) -> None:
    study = STUDY.replace(
        "learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}", "learning_rate: [1.0e-3, 1.0e30]"
    ).replace("scheduler: asha", "scheduler: none")
    home = Home(tmp_path, study)
    done = home.run("--set", "ablate.factors=[learning_rate]")
    assert done.returncode == 1, done.stdout
    assert "nan" in done.stdout
    failed = home.sql("select id, phase, number, failure from trials where status = 'FAILED'")
    assert {row[3] for row in failed} == {"nan"}
    assert any(row[1] == "ablate" for row in failed)
    for trial, phase, number, _ in failed:
        tags = "select r.status from runs r join tags t on t.run_uuid = r.run_uuid "
        found = home.sql(f"{tags} where t.key = 'trial' and t.value = '{trial}'", "mlflow.db")
        assert found == [("FAILED",)]
        if phase == "search":
            state = home.sql(f"select state from trials where number = {number}", "optuna.db")
            assert state == [("FAIL",)]
    running = "select count(*) from trials where state = 'RUNNING'"
    assert home.count(running, "optuna.db") == 0
    complete = dict(
        home.sql("select phase, count(*) from trials where status = 'COMPLETE' group by phase")
    )
    assert complete["search"] >= 1
    assert complete["confirm"] == 2
