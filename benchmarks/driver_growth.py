"""What the driver keeps of trials that have ended, in memory."""

import tempfile
import tracemalloc
from pathlib import Path

from search_spaces import load_study
from sslcl.data import load_dataset
from study.design.data_facts import DataFacts
from study.execution.callbacks import Callbacks
from study.execution.ray_searcher import TrialStream
from study.execution.trial_sources import ListSource
from tracking.home import Home
from tracking.ledger import Ledger
from tracking.records import Evaluation, Outcome, Phase, PlannedTrial, StudyRecord

WARM_UP = 200
UTTERANCES = 500


def megabytes_per_thousand_trials(trials: int = 600) -> float:
    """Growth while a stream gives out trials and takes their results, its plan left out.

    The results are made up; the ledger and the stream are those of a campaign.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        ledger = Ledger.at(home)
        try:
            source = ListSource(_planned(ledger, trials))
            stream = TrialStream(iter([source]), ledger, home, 1, Callbacks())
            for number in range(WARM_UP):
                _train(stream, f"warm{number}")
            tracemalloc.start()
            before, _ = tracemalloc.get_traced_memory()
            for number in range(trials - WARM_UP):
                _train(stream, f"trial{number}")
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            ledger.close()
    return max(after - before, 0) / 2**20 / (trials - WARM_UP) * 1000


def _planned(ledger: Ledger, number: int) -> list[PlannedTrial]:
    study = load_study("quickstart")
    dataset = load_dataset("synthetic", {"conversations": 7})
    data = DataFacts.of(dataset)
    ledger.put_study(
        StudyRecord(study.name, {}, dataset.name, dataset.fingerprint, ("no", "yes"), "code", {})
    )
    trials = []
    for seed in range(number):
        config = study.base_config(seed=seed)
        identity = data.identify(config)
        trials.append(PlannedTrial(f"{seed:032x}", Phase.ABLATE, "cell", identity, config, None))
    ledger.plan(study.name, Phase.ABLATE, trials, replace=True)
    return trials


def _train(stream: TrialStream, name: str) -> None:
    assert isinstance(stream.suggest(name), dict)
    epoch = {"epoch": 1, "score": 0.5, "metrics": (("train_loss", 1.0), ("seconds", 0.1))}
    stream.on_trial_result(name, epoch)
    numbers = list(range(UTTERANCES))
    labels = [0] * UTTERANCES
    words = ["c"] * UTTERANCES
    names = [f"u{number}" for number in numbers]
    test = Evaluation("test", {"weighted_f1": 0.5}, words, names, labels, labels, numbers)
    outcome = Outcome(1, 2, 0.5, {"seconds": 0.2}, (test,))
    stream.on_trial_complete(name, {**epoch, "epoch": 2, "outcome": outcome, "done": True})
