"""Simulated searches over recorded curves: who is pruned, and that a repeat is a repeat."""

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.curves import STUDY, recorded
from benchmarks.search import Choice, search
from search_spaces import load_study
from study.execution.ray_cluster import ByGroup
from study.execution.ray_worker import TRIAL_KEY
from tracking.records import Phase, PlannedTrial


@pytest.mark.parametrize(("grace", "reduction"), [(3, 3), (2, 3), (1, 2)])
def test_ray_prunes_recorded_curves_as_asha_is_defined(grace: int, reduction: int) -> None:
    study = load_study(STUDY, [f"search.grace_epochs={grace}", f"search.reduction={reduction}"])
    scheduler = ByGroup(study, 2)
    config = study.base_config(0)
    rungs: dict[int, list[float]] = {}
    epoch = grace
    while epoch < config.epochs:
        rungs[epoch] = []
        epoch *= reduction
    pruned = 0
    for number, curve in enumerate(recorded()[:60]):
        planned = PlannedTrial(str(number), Phase.SEARCH, "", "", config, number)
        trial = SimpleNamespace(trial_id=str(number), config={TRIAL_KEY: planned})
        scheduler.on_trial_add(None, trial)
        for epoch, score in enumerate(curve.scores[:-1], 1):
            before = rungs.get(epoch, [])
            stopped = bool(before) and score < np.percentile(before, 100 * (1 - 1 / reduction))
            if epoch in rungs:
                rungs[epoch].append(score)
            answer = scheduler.on_trial_result(None, trial, {"epoch": epoch, "score": score})
            assert (answer == "STOP") == stopped, (number, epoch)
            if stopped:
                pruned += 1
                break
    assert pruned > 20


def test_a_simulated_search_repeats_itself_and_starts_from_the_declared_levels() -> None:
    study = load_study(STUDY)
    choice = Choice("small", {"sampler": "random"}, earlier=3)
    first, second = (search(study, choice, 1, 2.0, 8.0) for _ in range(2))
    assert first
    assert [(t.score, t.spent, t.frozen.params) for t in first] == [
        (t.score, t.spent, t.frozen.params) for t in second
    ]
    by_number = sorted(first, key=lambda trial: trial.frozen.number)
    assert by_number[0].frozen.number == 3
    assert by_number[0].frozen.params["similarity"] == "soft_hgr"
    assert {trial.frozen.state.name for trial in first} <= {"COMPLETE", "PRUNED"}
