"""Studies, identities, fates and results of trials that nobody trains."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from search_spaces.checks import parse_study
from search_spaces.schema import Study
from sslcl.config import TrialConfig, component_defaults
from study.design.data_facts import DataFacts
from tracking.ledger import Ledger
from tracking.records import Evaluation, Outcome, StudyRecord

FAILURES = {"nan": "loss is not finite", "oom": "MemoryError: no room", "error": "ValueError: no"}
Fate = Callable[[TrialConfig, int], str | None]
"""What befalls a trial in an epoch: nothing, a kind of failure, or ``node``."""

SPACE: dict[str, Any] = {
    "study": "sim",
    "base": {"epochs": 3},
    "factors": {
        "objective": ["sslcl", "cross_entropy"],
        "similarity": {"levels": ["dot", "cosine"], "when": {"objective": ["sslcl"]}},
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
    },
    "search": {"trials": 4, "sampler": "random"},
}


def make_study(**changes: Any) -> Study:
    """The study of the simulations, with ``changes`` at the top of its file."""
    return parse_study({**SPACE, **changes}, "sim.yaml")


def identify(config: TrialConfig, salt: str = "data") -> str:
    """An identity; another ``salt`` stands for other data or other code."""
    return hashlib.sha256(f"{salt} {config.digest()}".encode()).hexdigest()


@dataclass(frozen=True)
class SimulatedData(DataFacts):
    """Data whose identities depend on no real code."""

    def identify(self, config: TrialConfig) -> str:
        return identify(config, self.fingerprint)


DATA = SimulatedData("data", ("text", "audio", "video"))


def put_study(ledger: Ledger, study: Study, fingerprint: str = "data") -> None:
    ledger.put_study(
        StudyRecord(
            study.name,
            spec=study.canonical(),
            dataset=study.dataset,
            data_fingerprint=fingerprint,
            label_names=("no", "yes"),
            code_fingerprint="code",
            environment={},
        )
    )


def _own(config: TrialConfig) -> str:
    """What is not at its default, so that a new field changes no simulation."""
    derived = set(component_defaults(config.objective, config.similarity))
    return str(config.model_dump(exclude_defaults=True, exclude=derived))


def curve(config: TrialConfig, epoch: int) -> float:
    """A score that only the configuration decides and that tends to rise."""
    digits = int(hashlib.sha256(_own(config).encode()).hexdigest()[:8], 16) / 16**8
    return round(0.2 + 0.6 * digits + 0.02 * epoch, 6)


def fates(seed: int, share: float) -> Fate:
    """For a ``share`` of all configurations some failure, always the same one."""

    def fate(config: TrialConfig, epoch: int) -> str | None:
        draw = random.Random(f"{seed} {_own(config)}")
        if draw.random() >= share or epoch != draw.randint(1, config.epochs):
            return None
        return draw.choice([*FAILURES, "node"])

    return fate


def unharmed(config: TrialConfig, epoch: int) -> str | None:
    return None


def outcome(config: TrialConfig, epoch: int, splits: tuple[str, ...] = ()) -> Outcome:
    def evaluation(split: str) -> Evaluation:
        metrics = {"weighted_f1": curve(config, epoch), "macro_f1": 0.5, "accuracy": 0.5}
        return Evaluation(split, metrics, ["c", "c"], [f"{split}0", f"{split}1"], [0, 1], [0, 0])

    return Outcome(
        best_epoch=epoch,
        epochs=epoch,
        score=curve(config, epoch),
        cost={"seconds": float(epoch)},
        evaluations=tuple(map(evaluation, splits)),
        worker="node:1 cpu",
    )


def result(
    config: TrialConfig, epoch: int, *, test: bool = False, last: int | None = None
) -> dict[str, Any]:
    """What a worker answers after an epoch, as Ray hands it on."""
    score = curve(config, epoch)
    done = epoch >= (last or config.epochs)
    found: dict[str, Any] = {
        "epoch": epoch,
        "score": score,
        "epochs": ((epoch, (("validation_weighted_f1", score), ("train_loss", 1.0 / epoch))),),
        "partial": outcome(config, epoch),
        "done": done,
        "saved": not done,
        "training_iteration": epoch,
        "trial_id": "ray",
    }
    if done:
        splits = ("validation", "test") if test else ("validation",)
        found["outcome"] = outcome(config, epoch, splits)
    return found
