"""The extension check: one seed of each cell goes on to twice its epochs.

A curve that has been flat for a while can rise again, which neither its best epoch nor its slope
foretells. What twice the epochs gain on validation does.
"""

from collections.abc import Sequence

from sslcl.config import TrialConfig
from study.design.data_facts import DataFacts
from study.design.tuning import digest_of
from tracking.records import Phase, PlannedTrial
from tracking.rows import TrialRow


def extended(config: TrialConfig, epochs_run: int) -> TrialConfig:
    """The trial for twice the epochs that it ran, all of them.

    It goes on from the trial's end, unless its learning rate follows a schedule over the epochs,
    which is stretched; and alone, whether or not the trial had a group.

    Args:
        config: of a finished trial.
        epochs_run: that it trained.
    """
    epochs = 2 * (epochs_run if goes_on(config) else config.epochs)
    return config.replace(
        epochs=epochs, patience=epochs, stop="patience", fused_seeds=(), fused_numbers={}
    )


def goes_on(config: TrialConfig) -> bool:
    """Whether the first half of the extended trial is the trial itself."""
    return config.schedule == "constant"


def extension_trials(rows: Sequence[TrialRow], data: DataFacts) -> list[PlannedTrial]:
    """The first finished trial of every cell, extended.

    Args:
        rows: of one study's ablation, in plan order.
        data: gives trials their identity.
    """
    trials: dict[str, PlannedTrial] = {}
    for row in rows:
        if not row.status.scored or row.epochs_run is None or row.cell in trials:
            continue
        config = extended(row.config, row.epochs_run)
        identity = data.identify(config)
        trial_id = digest_of(row.study, Phase.EXTEND, row.cell, identity)
        trials[row.cell] = PlannedTrial(trial_id, Phase.EXTEND, row.cell, identity, config)
    return list(trials.values())
