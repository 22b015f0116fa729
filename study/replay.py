"""``python -m study.replay``: train one trial again and compare it bit for bit."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sslcl.command import OneLineCommand, data_dir_option, plugin_option
from sslcl.errors import InputError
from study.cli.results import opened
from tracking.home import Home, home_option

if TYPE_CHECKING:
    from rich.console import Console

    from sslcl.config import TrialConfig
    from sslcl.data.types import Dataset
    from tracking.ledger import Ledger
    from tracking.records import Evaluation, Outcome
    from tracking.rows import TrialRow


@click.command(cls=OneLineCommand)
@click.argument("trial")
@home_option
@data_dir_option
@plugin_option
def main(trial: str, home: Home, data_dir: Path | None) -> int:
    """Train TRIAL again, an id in the results database or its first digits, and compare.

    Exit code 0 when predictions, scores and every epoch are identical, 1 when they are not.
    """
    # Help must not wait for PyTorch.
    from sslcl.data import load_dataset
    from sslcl.data.folds import with_folds
    from study.cli.console import person_console

    console = person_console()
    with opened(home) as ledger:
        row = ledger.trial(trial)
        dataset = load_dataset(row.config.dataset, row.config.dataset_options, data_dir)
        if row.config.folds is not None:
            dataset = with_folds(dataset, row.config.folds)
        difference = replay(ledger, row, dataset, console)
    if difference is not None:
        console.print(f"not the same: {difference}", style="red")
        return 1
    console.print(f"identical: trial {row.id[:12]}, bit for bit")
    return 0


def replay(ledger: "Ledger", row: "TrialRow", dataset: "Dataset", console: "Console") -> str | None:
    """Train ``row`` again and compare epochs and predictions with the ledger.

    A trial of a group is trained with its whole group: that is what repeats bit for bit. One that
    was trained on a GPU is trained on a GPU, where there is one. If the bits differ, it is said
    within what the scores agree.

    Returns:
        ``None`` when identical, else the first difference in words.

    Raises:
        InputError: when the trial cannot be the same: it did not finish, or its data or code
            have changed since.
    """
    from sslcl.data.folds import of_fold
    from sslcl.identity import trial_identity
    from study.execution.trial import device_of, train

    splits = [s for s in ("validation", "test") if ledger.evaluation(row.id, s) is not None]
    if not splits:
        raise InputError(
            f"trial {row.id[:12]} is {row.status}: only finished trials can be replayed"
        )
    if trial_identity(row.config, dataset.fingerprint) != row.identity:
        raise InputError(
            f"trial {row.id[:12]} was trained on other data or by other code than what is here: "
            "check out its commit and use its data"
        )
    again = _Comparison(ledger, row)
    group = _group_in_words(row.config)
    fold = "" if row.config.fold is None else f", fold {row.config.fold}"
    console.print(f"training {row.phase} {row.cell}, seed {row.config.seed}{fold}{group}, again")
    worker = (ledger.trial(row.original) if row.original else row).worker
    device = device_of(worker)
    if worker and worker.rpartition(" ")[2].partition(":")[0] != device.type:
        console.print(f"it was trained on a GPU, and is now on the {device.type.upper()}")
    own = of_fold(dataset, row.config.fold)
    data = own if "test" in splits else own.sealed()
    _, outcome = train(row.config, data, again.epoch, device)
    again.end(outcome, splits)
    if not again.differences:
        return None
    console.print(
        f"scores agree within {max(again.distances):.1g}, those of epochs on validation among them"
    )
    return again.differences[0]


class _Comparison:
    """What differs between a trial then and now, and how far its scores are apart.

    Args:
        ledger: holds what was then.
        row: of the trial.
    """

    def __init__(self, ledger: "Ledger", row: "TrialRow") -> None:
        self._evaluation = partial(ledger.evaluation, row.id)
        self._recorded: dict[int, dict[str, float]] = {}
        for point in ledger.epoch_metrics(row.id):
            self._recorded.setdefault(point.epoch, {})[point.metric] = point.value
        self.differences: list[str] = []
        self.distances = [0.0]

    def epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        """Compare an epoch."""
        for name, value in metrics.items():
            before = self._recorded.get(epoch, {}).get(name)
            if name == "seconds" or before == value:
                continue
            self.differences.append(f"epoch {epoch}, {name}: {before!r} then, {value!r} now")
            if name.startswith("validation") and before is not None:
                self.distances.append(abs(value - before))

    def end(self, outcome: "Outcome", splits: Sequence[str]) -> None:
        """Compare what became of the trial."""
        if outcome.epochs != len(self._recorded):
            self.differences.append(f"{len(self._recorded)} epochs then, {outcome.epochs} now")
        for split in splits:
            before = self._evaluation(split)
            self.differences += split_differences(before, outcome, split)
            now = next(e for e in outcome.evaluations if e.split == split).metrics
            then = {} if before is None else before.metrics
            self.distances += [abs(now[n] - value) for n, value in then.items() if n in now]


def _group_in_words(config: "TrialConfig") -> str:
    """What a trial is trained with, where it is not trained alone."""
    if not config.fused_seeds:
        return ""
    columns = {"seeds": config.fused_seeds, **config.fused_numbers}
    each = (
        f"{name} {', '.join(map(str, dict.fromkeys(column)))}" for name, column in columns.items()
    )
    return f" in its group of {len(config.fused_seeds)}, {'; '.join(each)},"


def split_differences(before: "Evaluation | None", outcome: "Outcome", split: str) -> list[str]:
    """What differs between the predictions of a split then and now."""
    now = next(e for e in outcome.evaluations if e.split == split)
    if before is None or list(before.utterances) != list(now.utterances):
        return [f"{split}: other utterances"]
    flips = sum(a != b for a, b in zip(before.predictions, now.predictions, strict=True))
    differences = [f"{split}: {flips} of {len(now.labels)} predictions differ"] if flips else []
    for name, value in now.metrics.items():
        if before.metrics.get(name) != value:
            differences.append(f"{split}, {name}: {before.metrics.get(name)!r} then, {value!r} now")
    return differences


if __name__ == "__main__":
    main()
