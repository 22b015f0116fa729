"""What every ledger promises: inherit :class:`LedgerContract` in a test module."""

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import event, text

from sslcl.errors import InputError
from tracking.costs import COSTS
from tracking.ledger import Ledger
from tracking.mirror.contents import trial_points
from tracking.records import Phase, Status
from tracking.testing.ledger_cases import comparison, evaluation, outcome, planned, put_study, run
from tracking.testing.ledger_plans import PlanContract


class LedgerContract(PlanContract, ABC):
    """Tests of a ledger: each step once, whole or not at all, and counted by revisions.

    Example:
        >>> class TestMine(LedgerContract):  # doctest: +SKIP
        ...     def open(self, folder: Path) -> Ledger:
        ...         return Ledger("postgresql://...")
    """

    @abstractmethod
    def open(self, folder: Path) -> Ledger:
        """An empty ledger.

        Args:
            folder: an empty one, for a ledger of files.
        """

    @pytest.fixture
    def ledger(self, tmp_path: Path) -> Iterator[Ledger]:
        """An empty ledger that knows one study, ``s``."""
        made = self.open(tmp_path)
        put_study(made)
        yield made
        made.close()

    def test_every_cost_is_kept_copied_and_mirrored(self, ledger: Ledger) -> None:
        cost = {name: float(i) for i, name in enumerate(COSTS, start=1)}
        original, twin = planned("c"), planned("d")
        run(ledger, original, replace(outcome(), cost=cost))
        ledger.plan("s", Phase.ABLATE, [twin], replace=False)
        ledger.cache(twin.id, original.id)
        for trial in (original, twin):
            row = ledger.trial(trial.id)
            assert {name: getattr(row, name) for name in COSTS} == cost
            points = {point.key: point.value for point in trial_points(row, (), (), ())}
            assert {
                "total_seconds" if n == "seconds" else n: v for n, v in cost.items()
            }.items() <= (points.items())

    def test_only_a_complete_trial_of_the_same_identity_can_stand_in(self, ledger: Ledger) -> None:
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

    def test_a_trial_without_test_scores_does_not_do_where_they_are_needed(
        self, ledger: Ledger
    ) -> None:
        trial = planned()
        run(ledger, trial)
        assert ledger.find_finished(trial.identity) is not None
        assert ledger.find_finished(trial.identity, needs_test=True) is None

    def test_a_prefix_finds_its_trial_or_says_what_is_ambiguous(self, ledger: Ledger) -> None:
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

    def test_gold_labels_are_stored_once_and_must_agree(self, ledger: Ledger) -> None:
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

    def test_old_trials_keep_the_data_they_were_trained_on(self, ledger: Ledger) -> None:
        trial, later = planned("c", 0), planned("c", 1)
        run(ledger, trial)
        before = ledger.evaluation(trial.id, "validation")
        put_study(ledger, data_fingerprint="e" * 64)
        other = replace(evaluation(), labels=[1, 1, 0, 0])
        run(ledger, later, replace(outcome(), evaluations=(other,)))
        assert ledger.evaluation(trial.id, "validation") == before
        assert ledger.evaluation(later.id, "validation") == other

    def test_comparisons_come_back_in_order_and_are_replaced_whole(self, ledger: Ledger) -> None:
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

    def test_the_mirror_is_owed_what_changed_and_nothing_else(self, ledger: Ledger) -> None:
        first, second = planned("c", 0), planned("c", 1)
        ledger.plan("s", Phase.ABLATE, [first, second], replace=True)
        assert ledger.pending_mirror("s") == []
        ledger.start(first.id)
        (owed,) = ledger.pending_mirror("s")
        assert ledger.count_pending_mirror("s") == 1
        assert ledger.mirror_run(first.id) is None
        ledger.set_mirror_run(first.id, "run1")
        ledger.record_epoch(first.id, 1, {"loss": 1.0})
        ledger.set_mirrored(first.id, owed.revision)
        assert ledger.mirror_run(first.id) == "run1"
        (owed,) = ledger.pending_mirror("s")
        ledger.set_mirrored(first.id, owed.revision)
        assert ledger.pending_mirror("s") == []
        assert ledger.count_pending_mirror("s") == 0
        ledger.release(first.id)
        assert [row.id for row in ledger.pending_mirror("s")] == [first.id]
        assert ledger.mirror_study("s") == (None, None, 0)
        revision = ledger.study("s").revision
        ledger.set_mirror_study("s", "1", "parent", 3)
        ledger.set_mirror_study("s", "1", "parent", revision)
        assert ledger.mirror_study("s") == ("1", "parent", revision)
        assert ledger.study("s").revision == revision

    def test_a_trial_that_left_the_plan_is_still_owed_to_the_mirror(self, ledger: Ledger) -> None:
        trial = planned()
        run(ledger, trial)
        ledger.set_mirrored(trial.id, ledger.trial(trial.id).revision)
        ledger.plan("s", Phase.ABLATE, [], replace=True)
        assert [(row.id, row.current) for row in ledger.pending_mirror("s")] == [(trial.id, False)]

    def test_two_threads_share_the_database(self, ledger: Ledger) -> None:
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

    def test_every_method_is_one_transaction(self, ledger: Ledger) -> None:
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

    def test_a_stored_configuration_is_read_as_it_was_written(self, ledger: Ledger) -> None:
        group: dict[str, Any] = {
            "fused_seeds": (7, 7),
            "fused_numbers": {"learning_rate": (1, 0.5)},
            "seed": 7,
        }
        trial = planned(
            modalities=("text",), dataset_options={"imbalance": 0.5}, learning_rate=1, **group
        )
        ledger.plan("s", Phase.ABLATE, [trial], replace=True)
        config = ledger.trial(trial.id).config
        assert config == trial.config
        assert config.canonical() == trial.config.canonical()
        assert config.replace(epochs=3) == trial.config.replace(epochs=3)
        with pytest.raises(ValidationError):
            config.seed = 4  # type: ignore[misc]

    def test_comparisons_keep_what_they_follow_from(self, ledger: Ledger) -> None:
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
