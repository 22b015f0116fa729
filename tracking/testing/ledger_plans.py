"""What every ledger promises of studies, plans and the steps of a trial."""

import math
from dataclasses import replace

import pytest

from sslcl.errors import InputError
from tracking.ledger import Ledger
from tracking.ledger.transitions import Epoch
from tracking.records import FailureKind, Outcome, Phase, Status
from tracking.testing.ledger_cases import outcome, planned, put_study, run


class PlanContract:
    """Tests of plans and steps; part of :class:`~tracking.testing.ledger.LedgerContract`."""

    def test_study_round_trip_keeps_creation_and_bumps_on_news_only(self, ledger: Ledger) -> None:
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

    def test_unknown_names_are_told_in_one_line_with_the_nearest(self, ledger: Ledger) -> None:
        put_study(ledger, "quickstart")
        with pytest.raises(
            InputError, match=r"study 'quikstart'.*did you mean 'quickstart'"
        ) as caught:
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

    def test_planning_twice_is_planning_once(self, ledger: Ledger) -> None:
        trials = [planned("reference"), planned("similarity=dot", similarity="dot")]
        ledger.plan("s", Phase.ABLATE, trials, replace=True)
        before = ledger.trials("s")
        ledger.plan("s", Phase.ABLATE, [*trials, trials[0]], replace=True)
        assert ledger.trials("s") == before
        assert [row.config for row in before] == [trial.config for trial in trials]
        assert [(row.status, row.attempts, row.revision) for row in before] == [
            (Status.PLANNED, 0, 1)
        ] * 2

    def test_planning_again_does_not_touch_what_has_run(self, ledger: Ledger) -> None:
        trial = planned()
        run(ledger, trial)
        row = ledger.trial(trial.id)
        ledger.plan("s", Phase.ABLATE, [trial], replace=True)
        assert ledger.trial(trial.id) == row

    def test_an_id_cannot_stand_for_two_configurations(self, ledger: Ledger) -> None:
        trial = planned()
        ledger.plan("s", Phase.ABLATE, [trial], replace=True)
        with pytest.raises(RuntimeError, match="another configuration"):
            ledger.plan("s", Phase.ABLATE, [replace(trial, identity="f" * 64)], replace=True)
        with pytest.raises(ValueError, match="is of phase ablate, not confirm"):
            ledger.plan("s", Phase.CONFIRM, [trial], replace=True)

    def test_a_changed_plan_marks_current_and_follows_the_new_order(self, ledger: Ledger) -> None:
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

    def test_a_large_plan_is_one_plan(self, ledger: Ledger) -> None:
        config = planned().config
        trials = [replace(planned(), id=f"{i:064x}", config=config) for i in range(1200)]
        ledger.plan("s", Phase.ABLATE, trials[:700], replace=True)
        ledger.plan("s", Phase.ABLATE, trials, replace=True)
        assert [row.id for row in ledger.trials("s")] == [trial.id for trial in trials]

    def test_complete_keeps_everything(self, ledger: Ledger) -> None:
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

    def test_an_epoch_recorded_again_changes_nothing(self, ledger: Ledger) -> None:
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

    def test_epochs_written_together_are_kept_each_and_count_once(self, ledger: Ledger) -> None:
        trials = [planned("c", 0), planned("c", 1)]
        ledger.plan("s", Phase.ABLATE, trials, replace=True)
        for trial in trials:
            ledger.start(trial.id)
            ledger.record_epoch(trial.id, 2, {"loss": 7.0})
        epochs = [
            Epoch(trial.id, number, {"loss": 1.0 / number, "score": 0.5}, number)
            for number in (1, 2, 3)
            for trial in trials
        ]
        ledger.record_epochs(epochs)
        for trial in trials:
            points = ledger.epoch_metrics(trial.id)
            kept = {(point.epoch, point.metric): point.value for point in points}
            assert kept[2, "loss"] == 7.0
            assert kept[1, "loss"] == 1.0
            assert kept[2, "score"] == kept[3, "score"] == 0.5
            assert len(points) == 6
            # Started, and epochs written twice.
            assert ledger.trial(trial.id).revision == 4

    def test_released_trials_run_again_and_count_attempts(self, ledger: Ledger) -> None:
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

    def test_impossible_steps_name_both_statuses_and_write_nothing(self, ledger: Ledger) -> None:
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

    def test_pruned_and_failed_say_why(self, ledger: Ledger) -> None:
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

    def test_a_cached_trial_shows_its_original(self, ledger: Ledger) -> None:
        put_study(ledger, "other")
        original = planned()
        run(ledger, original, outcome(0.75, test=True))
        twin = planned(study_name="other", phase=Phase.CONFIRM)
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
