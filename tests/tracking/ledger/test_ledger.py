"""What the ledger promises: each step once, whole or not at all, and told apart by revisions."""

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import event, text

from sslcl.errors import InputError
from tracking.costs import COSTS
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.mirror.contents import trial_points
from tracking.records import FailureKind, Outcome, Phase, Status

from .ledger_cases import comparison, evaluation, outcome, planned, put_study, run


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger.at(Home(tmp_path))
    put_study(made)
    yield made
    made.close()


def test_study_round_trip_keeps_creation_and_bumps_on_news_only(ledger: Ledger) -> None:
    first = ledger.study("s")
    assert first.status == "RUNNING"
    assert list(first.spec["factors"]) == ["b", "a"]
    assert first.label_names == ("sad", "joy")
    put_study(ledger)
    assert ledger.study("s") == first
    put_study(ledger, dataset="mosi")
    changed = ledger.study("s")
    assert (changed.dataset, changed.revision) == ("mosi", first.revision + 1)
    assert changed.created_at == first.created_at
    ledger.set_study_status("s", "COMPLETE")
    ledger.set_reference("s", {"backbone": "recurrent"})
    last = ledger.study("s")
    assert (last.status, last.reference) == ("COMPLETE", {"backbone": "recurrent"})
    assert last.revision == first.revision + 3
    assert [row.name for row in ledger.studies()] == ["s"]


def test_unknown_names_are_told_in_one_line_with_the_nearest(ledger: Ledger) -> None:
    put_study(ledger, "quickstart")
    with pytest.raises(InputError, match=r"study 'quikstart'.*did you mean 'quickstart'") as caught:
        ledger.study("quikstart")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="did you mean 'quickstart'"):
        ledger.trials("quickstar")
    with pytest.raises(InputError, match="did you mean 'quickstart'"):
        ledger.plan("quickstar", Phase.ABLATE, [planned()], replace=True)
    with pytest.raises(InputError, match="did you mean 'STOPPED'"):
        ledger.set_study_status("s", "STOPED")
    for ask in (ledger.trial, ledger.start, ledger.epoch_metrics, ledger.diagnostics):
        with pytest.raises(InputError, match="unknown trial 'feed'"):
            ask("feed")
    with pytest.raises(InputError, match="unknown trial"):
        ledger.set_mirror_run("feed", "run")


def test_planning_twice_is_planning_once(ledger: Ledger) -> None:
    trials = [planned("reference"), planned("similarity=dot", similarity="dot")]
    ledger.plan("s", Phase.ABLATE, trials, replace=True)
    before = ledger.trials("s")
    ledger.plan("s", Phase.ABLATE, [*trials, trials[0]], replace=True)
    assert ledger.trials("s") == before
    assert [row.config for row in before] == [trial.config for trial in trials]
    assert [(row.status, row.attempts, row.revision) for row in before] == [
        (Status.PLANNED, 0, 1)
    ] * 2


def test_planning_again_does_not_touch_what_has_run(ledger: Ledger) -> None:
    trial = planned()
    run(ledger, trial)
    row = ledger.trial(trial.id)
    ledger.plan("s", Phase.ABLATE, [trial], replace=True)
    assert ledger.trial(trial.id) == row


def test_an_id_cannot_stand_for_two_configurations(ledger: Ledger) -> None:
    trial = planned()
    ledger.plan("s", Phase.ABLATE, [trial], replace=True)
    with pytest.raises(RuntimeError, match="another configuration"):
        ledger.plan("s", Phase.ABLATE, [replace(trial, identity="f" * 64)], replace=True)
    with pytest.raises(ValueError, match="is of phase ablate, not confirm"):
        ledger.plan("s", Phase.CONFIRM, [trial], replace=True)


def test_a_changed_plan_marks_current_and_follows_the_new_order(ledger: Ledger) -> None:
    first, second, third = (planned("c", seed) for seed in range(3))
    search = planned("trial0", phase=Phase.SEARCH, number=0)
    ledger.plan("s", Phase.SEARCH, [search], replace=False)
    ledger.plan("s", Phase.ABLATE, [first, second], replace=True)
    ledger.plan("s", Phase.ABLATE, [third, second], replace=True)
    assert [row.id for row in ledger.trials("s")] == [search.id, third.id, second.id]
    (gone,) = ledger.trials("s", current=False)
    assert (gone.id, gone.revision) == (first.id, 2)
    assert ledger.trial(second.id).revision == 1
    assert len(ledger.trials("s", current=None)) == 4
    ledger.plan("s", Phase.ABLATE, [first, second, third], replace=True)
    assert [row.id for row in ledger.trials("s", phase=Phase.ABLATE)] == [
        first.id,
        second.id,
        third.id,
    ]


def test_a_large_plan_is_one_plan(ledger: Ledger) -> None:
    config = planned().config
    trials = [replace(planned(), id=f"{i:064x}", config=config) for i in range(1200)]
    ledger.plan("s", Phase.ABLATE, trials[:700], replace=True)
    ledger.plan("s", Phase.ABLATE, trials, replace=True)
    assert [row.id for row in ledger.trials("s")] == [trial.id for trial in trials]


def test_complete_keeps_everything(ledger: Ledger) -> None:
    trial = planned()
    made = outcome(0.75, test=True)
    ledger.plan("s", Phase.ABLATE, [trial], replace=True)
    ledger.start(trial.id)
    ledger.record_epoch(trial.id, 1, {"loss": 1.5, "score": 0.25})
    ledger.complete(trial.id, made)
    row = ledger.trial(trial.id)
    assert row.status is Status.COMPLETE
    assert (row.score, row.best_epoch, row.epochs_run, row.attempts) == (0.75, 2, 3, 1)
    assert (row.seconds, row.parameters, row.peak_memory_mb) == (1.5, 1234, 64.25)
    assert (row.utterances_per_second, row.worker) == (900.0, "node1:4711 cpu")
    assert row.planned_at <= (row.started_at or 0) <= (row.ended_at or 0)
    assert row.revision == 4
    for given in made.evaluations:
        assert ledger.evaluation(trial.id, given.split) == given
    assert ledger.diagnostics(trial.id) == sorted(made.diagnostics, key=lambda d: d.name)
    assert [(m.epoch, m.metric, m.value) for m in ledger.epoch_metrics(trial.id)] == [
        (1, "loss", 1.5),
        (1, "score", 0.25),
    ]
    assert ledger.evaluation(trial.id, "train") is None


def test_an_epoch_recorded_again_changes_nothing(ledger: Ledger) -> None:
    trial = planned()
    ledger.plan("s", Phase.ABLATE, [trial], replace=True)
    ledger.start(trial.id)
    ledger.record_epoch(trial.id, 1, {"loss": 1.5, "odd": math.nan})
    before = (ledger.trial(trial.id), ledger.epoch_metrics(trial.id)[0])
    ledger.record_epoch(trial.id, 1, {"loss": 7.0})
    ledger.record_epoch(trial.id, 1, {})
    assert (ledger.trial(trial.id), ledger.epoch_metrics(trial.id)[0]) == before
    ledger.record_epoch(trial.id, 1, {"loss": 1.5, "score": 0.5})
    assert ledger.trial(trial.id).revision == before[0].revision + 1
    assert [m.metric for m in ledger.epoch_metrics(trial.id)] == ["loss", "odd", "score"]
    assert math.isnan(ledger.epoch_metrics(trial.id)[1].value)


def test_released_trials_run_again_and_count_attempts(ledger: Ledger) -> None:
    first, second = planned("c", 0), planned("c", 1)
    ledger.plan("s", Phase.ABLATE, [first, second], replace=True)
    for trial in (first, second):
        ledger.start(trial.id)
    ledger.record_epoch(first.id, 1, {"loss": 1.0})
    assert ledger.release_running("s") == sorted([first.id, second.id])
    assert ledger.release_running("s") == []
    assert {row.status for row in ledger.trials("s")} == {Status.PLANNED}
    ledger.start(first.id)
    ledger.complete(first.id, outcome())
    assert ledger.trial(first.id).attempts == 2
    assert len(ledger.epoch_metrics(first.id)) == 1


def test_impossible_steps_name_both_statuses_and_write_nothing(ledger: Ledger) -> None:
    trial = planned()
    ledger.plan("s", Phase.ABLATE, [trial], replace=True)
    with pytest.raises(RuntimeError, match="is PLANNED and cannot become COMPLETE"):
        ledger.complete(trial.id, outcome())
    with pytest.raises(RuntimeError, match="is PLANNED: epochs are recorded while RUNNING"):
        ledger.record_epoch(trial.id, 1, {"loss": 1.0})
    ledger.start(trial.id)
    with pytest.raises(RuntimeError, match="is RUNNING and cannot become RUNNING"):
        ledger.start(trial.id)
    ledger.release(trial.id)
    for end in (
        lambda: ledger.complete(trial.id, outcome()),
        lambda: ledger.prune(trial.id, outcome()),
        lambda: ledger.fail(trial.id, FailureKind.NAN, "loss"),
        lambda: ledger.release(trial.id),
    ):
        with pytest.raises(RuntimeError, match="is PLANNED and cannot become"):
            end()
    ledger.start(trial.id)
    ledger.complete(trial.id, outcome())
    row = ledger.trial(trial.id)
    with pytest.raises(RuntimeError, match="is COMPLETE and cannot become COMPLETE"):
        ledger.complete(trial.id, outcome(0.9))
    assert ledger.trial(trial.id) == row


def test_pruned_and_failed_say_why(ledger: Ledger) -> None:
    first, second = planned("c", 0), planned("c", 1)
    ledger.plan("s", Phase.ABLATE, [first, second], replace=True)
    ledger.start(first.id)
    ledger.prune(first.id, Outcome(best_epoch=1, epochs=1, score=math.nan))
    ledger.start(second.id)
    ledger.fail(second.id, FailureKind.OUT_OF_MEMORY, "no memory left")
    pruned, failed = ledger.trials("s")
    assert (pruned.status, pruned.score, pruned.seconds) == (Status.PRUNED, None, None)
    assert (failed.status, failed.failure) == (Status.FAILED, FailureKind.OUT_OF_MEMORY)
    assert failed.message == "no memory left"
    assert [row.id for row in ledger.trials("s", status=Status.FAILED)] == [second.id]
    assert ledger.find_finished(first.identity) is None


def test_a_cached_trial_shows_its_original(ledger: Ledger) -> None:
    put_study(ledger, "other")
    original = planned()
    run(ledger, original, outcome(0.75, test=True))
    twin = planned(study="other", phase=Phase.CONFIRM)
    ledger.plan("other", Phase.CONFIRM, [twin], replace=True)
    found = ledger.find_finished(twin.identity, needs_test=True)
    assert found is not None
    assert found.id == original.id
    ledger.cache(twin.id, found.id)
    row = ledger.trial(twin.id)
    assert (row.status, row.original, row.attempts) == (Status.CACHED, original.id, 0)
    copied = ("best_epoch", "epochs_run", "score", "seconds", "parameters", "peak_memory_mb")
    assert [getattr(row, name) for name in copied] == [getattr(found, name) for name in copied]
    assert ledger.evaluation(twin.id, "test") == ledger.evaluation(original.id, "test")
    assert ledger.epoch_metrics(twin.id) == ledger.epoch_metrics(original.id)
    assert ledger.diagnostics(twin.id) == ledger.diagnostics(original.id) != []
    assert ledger.find_finished(twin.identity) == found


def test_every_cost_is_kept_copied_and_mirrored(ledger: Ledger) -> None:
    cost = {name: float(i) for i, name in enumerate(COSTS, start=1)}
    original, twin = planned("c"), planned("d")
    run(ledger, original, replace(outcome(), cost=cost))
    ledger.plan("s", Phase.ABLATE, [twin], replace=False)
    ledger.cache(twin.id, original.id)
    for trial in (original, twin):
        row = ledger.trial(trial.id)
        assert {name: getattr(row, name) for name in COSTS} == cost
        points = {point.key: point.value for point in trial_points(row, (), (), ())}
        assert {"total_seconds" if n == "seconds" else n: v for n, v in cost.items()}.items() <= (
            points.items()
        )


def test_only_a_complete_trial_of_the_same_identity_can_stand_in(ledger: Ledger) -> None:
    running, done, waiting = planned("c", 0), planned("c", 1), planned("d", 1)
    run(ledger, done)
    ledger.plan("s", Phase.ABLATE, [running, waiting], replace=False)
    ledger.start(running.id)
    with pytest.raises(RuntimeError, match="RUNNING: only a COMPLETE"):
        ledger.cache(waiting.id, running.id)
    with pytest.raises(RuntimeError, match="differ in configuration"):
        ledger.cache(running.id, done.id)
    with pytest.raises(InputError, match="unknown trial 'feed'"):
        ledger.cache(waiting.id, "feed")
    with pytest.raises(InputError, match="unknown trial 'feed'"):
        ledger.cache("feed", done.id)
    ledger.cache(waiting.id, done.id)
    with pytest.raises(RuntimeError, match="is CACHED and cannot become CACHED"):
        ledger.cache(waiting.id, done.id)


def test_a_trial_without_test_scores_does_not_do_where_they_are_needed(ledger: Ledger) -> None:
    trial = planned()
    run(ledger, trial)
    assert ledger.find_finished(trial.identity) is not None
    assert ledger.find_finished(trial.identity, needs_test=True) is None


def test_a_prefix_finds_its_trial_or_says_what_is_ambiguous(ledger: Ledger) -> None:
    ids = ["ab" + "0" * 62, "ab" + "1" * 62, "ac" + "2" * 62, "a%"]
    trials = [replace(planned("c", seed), id=name) for seed, name in enumerate(ids)]
    ledger.plan("s", Phase.ABLATE, trials, replace=True)
    assert ledger.trial("ac").id == ids[2]
    assert ledger.trial("ab0").id == ids[0]
    assert ledger.trial("a%").id == "a%"
    with pytest.raises(InputError, match=r"'ab' is ambiguous: ab00000000, ab11111111 begin so"):
        ledger.trial("ab")
    for nothing in ("", "b", "%", "a_"):
        with pytest.raises(InputError, match="unknown trial"):
            ledger.trial(nothing)


def test_gold_labels_are_stored_once_and_must_agree(ledger: Ledger) -> None:
    first, second, third = (planned("c", seed) for seed in range(3))
    run(ledger, first)
    run(ledger, second)
    with ledger.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM utterances")) == 4
    strange = replace(evaluation(), labels=[1, 1, 1, 1])
    ledger.plan("s", Phase.ABLATE, [third], replace=False)
    ledger.start(third.id)
    with pytest.raises(RuntimeError, match="same fingerprint must mean"):
        ledger.complete(third.id, replace(outcome(), evaluations=(strange,)))
    short = replace(evaluation(), predictions=[1])
    with pytest.raises(ValueError, match="4 labels, 1 predictions"):
        ledger.complete(third.id, replace(outcome(), evaluations=(short,)))
    with pytest.raises(InputError, match="did you mean 'seconds'"):
        ledger.complete(third.id, replace(outcome(), cost={"second": 1.0}))
    assert ledger.trial(third.id).status is Status.RUNNING
    assert ledger.evaluation(third.id, "validation") is None


def test_old_trials_keep_the_data_they_were_trained_on(ledger: Ledger) -> None:
    trial, later = planned("c", 0), planned("c", 1)
    run(ledger, trial)
    before = ledger.evaluation(trial.id, "validation")
    put_study(ledger, data_fingerprint="e" * 64)
    other = replace(evaluation(), labels=[1, 1, 0, 0])
    run(ledger, later, replace(outcome(), evaluations=(other,)))
    assert ledger.evaluation(trial.id, "validation") == before
    assert ledger.evaluation(later.id, "validation") == other


def test_comparisons_come_back_in_order_and_are_replaced_whole(ledger: Ledger) -> None:
    rows = [
        comparison("reference"),
        comparison("z=1", difference=math.nan, p_value=0.5),
        comparison("a=1", seconds=2.5),
    ]
    ledger.put_comparisons("s", Phase.ABLATE, "weighted_f1", rows)
    expected = [rows[0], replace(rows[1], difference=None), rows[2]]
    assert ledger.comparisons("s") == expected
    revision = ledger.study("s").revision
    ledger.put_comparisons("s", Phase.ABLATE, "weighted_f1", rows)
    assert ledger.study("s").revision == revision
    other = [replace(row, metric="accuracy") for row in rows[:2]]
    ledger.put_comparisons("s", Phase.ABLATE, "accuracy", other)
    ledger.put_comparisons("s", Phase.ABLATE, "weighted_f1", rows[:1])
    assert ledger.study("s").revision == revision + 2
    assert ledger.comparisons("s", Phase.ABLATE, "weighted_f1") == rows[:1]
    assert len(ledger.comparisons("s", Phase.ABLATE)) == 3
    assert ledger.comparisons("s", Phase.CONFIRM) == []
    with pytest.raises(ValueError, match="'reference' belongs to another comparison"):
        ledger.put_comparisons("s", Phase.CONFIRM, "weighted_f1", rows)


def test_the_mirror_is_owed_what_changed_and_nothing_else(ledger: Ledger) -> None:
    first, second = planned("c", 0), planned("c", 1)
    ledger.plan("s", Phase.ABLATE, [first, second], replace=True)
    assert ledger.pending_mirror("s") == []
    ledger.start(first.id)
    (owed,) = ledger.pending_mirror("s")
    assert ledger.mirror_run(first.id) is None
    ledger.set_mirror_run(first.id, "run1")
    ledger.record_epoch(first.id, 1, {"loss": 1.0})
    ledger.set_mirrored(first.id, owed.revision)
    assert ledger.mirror_run(first.id) == "run1"
    (owed,) = ledger.pending_mirror("s")
    ledger.set_mirrored(first.id, owed.revision)
    assert ledger.pending_mirror("s") == []
    ledger.release(first.id)
    assert [row.id for row in ledger.pending_mirror("s")] == [first.id]
    assert ledger.mirror_study("s") == (None, None, 0)
    revision = ledger.study("s").revision
    ledger.set_mirror_study("s", "1", "parent", 3)
    ledger.set_mirror_study("s", "1", "parent", revision)
    assert ledger.mirror_study("s") == ("1", "parent", revision)
    assert ledger.study("s").revision == revision


def test_a_trial_that_left_the_plan_is_still_owed_to_the_mirror(ledger: Ledger) -> None:
    trial = planned()
    run(ledger, trial)
    ledger.set_mirrored(trial.id, ledger.trial(trial.id).revision)
    ledger.plan("s", Phase.ABLATE, [], replace=True)
    assert [(row.id, row.current) for row in ledger.pending_mirror("s")] == [(trial.id, False)]


def test_two_threads_share_the_database(ledger: Ledger) -> None:
    trials = [planned("c", seed) for seed in range(3)]
    ledger.plan("s", Phase.ABLATE, trials, replace=True)
    mirror = Ledger(ledger.url)
    stop, errors = threading.Event(), []

    def follow() -> None:
        try:
            while not stop.is_set():
                for row in mirror.pending_mirror("s"):
                    mirror.set_mirrored(row.id, row.revision)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    for trial in trials:
        ledger.start(trial.id)
        for epoch in range(1, 11):
            ledger.record_epoch(trial.id, epoch, {"loss": 1.0 / epoch})
        ledger.complete(trial.id, outcome())
    stop.set()
    thread.join()
    for row in mirror.pending_mirror("s"):
        mirror.set_mirrored(row.id, row.revision)
    mirror.close()
    assert errors == []
    assert [row.revision for row in ledger.trials("s")] == [13] * 3
    assert ledger.pending_mirror("s") == []


def test_every_method_is_one_transaction(ledger: Ledger) -> None:
    trial = planned()
    commits: list[None] = []
    event.listen(ledger.engine, "commit", lambda connection: commits.append(None))
    put_study(ledger, dataset="mosi")
    ledger.plan("s", Phase.ABLATE, [trial], replace=True)
    ledger.start(trial.id)
    ledger.record_epoch(trial.id, 1, {"loss": 1.0})
    ledger.complete(trial.id, outcome(test=True))
    ledger.put_comparisons("s", Phase.ABLATE, "weighted_f1", [comparison("reference")])
    ledger.set_mirror_run(trial.id, "run")
    ledger.trial(trial.id[:9])
    ledger.evaluation(trial.id, "test")
    assert len(commits) == 9


def test_a_stored_configuration_is_read_as_it_was_written(ledger: Ledger) -> None:
    trial = planned(modalities=("text",), dataset_options={"imbalance": 0.5}, learning_rate=1)
    ledger.plan("s", Phase.ABLATE, [trial], replace=True)
    config = ledger.trial(trial.id).config
    assert config == trial.config
    assert config.canonical() == trial.config.canonical()
    assert config.replace(seed=3) == trial.config.replace(seed=3)
    with pytest.raises(ValidationError):
        config.seed = 4  # type: ignore[misc]


def test_comparisons_keep_what_they_follow_from(ledger: Ledger) -> None:
    where = ("s", Phase.ABLATE, "weighted_f1")
    rows = [comparison("reference"), comparison("a=1")]
    assert ledger.comparisons_digest(*where) is None
    ledger.put_comparisons(*where, rows, "first")
    revision = ledger.study("s").revision
    ledger.put_comparisons(*where, rows, "second")
    assert ledger.comparisons_digest(*where) == "second"
    assert ledger.study("s").revision == revision
    ledger.put_comparisons(*where, rows)
    assert ledger.comparisons_digest(*where) is None
    assert ledger.comparisons(*where) == rows
