"""A worker or a whole node that is gone: told in one line, while its trial goes on elsewhere."""

import logging
from collections.abc import Callable
from typing import Any

import ray
from ray import tune
from ray.air._internal import usage

QUIET_LOGGERS = ("ray.tune", "ray.air")


class Recoveries(tune.Callback):  # type: ignore[misc]
    """Told by Ray Tune that a trial's worker is gone and the trial given to another.

    Args:
        retried: notes that the trial of this id is trained again; whether it is one of ours.
        say: prints a line for a person.
    """

    def __init__(self, retried: Callable[[str], bool], say: Callable[[str], None]) -> None:
        self._retried = retried
        self._say = say

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Ray pickles a run's parts to restore it, which is never done here."""
        return {}

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Ray's hook: the trial failed for want of its worker and will be tried again."""
        del iteration, trials, info
        if not self._retried(trial.trial_id):
            return
        node = str((trial.last_result or {}).get("node_ip", ""))
        if node and node not in _living():
            self._say(f"node {node} is gone: 1 trial goes on elsewhere")
        else:
            where = f" on {node}" if node else ""
            self._say(f"a worker{where} is gone: its trial goes on in another")


def _living() -> set[str]:
    return {str(node["NodeManagerAddress"]) for node in ray.nodes() if node["Alive"]}


def keep_quiet() -> None:
    """Have Ray not print its own account of workers and nodes that are gone.

    What becomes of their trials is told in a line of ours and kept in the ledger.
    """
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    module = ray._private.worker
    if hasattr(module, "print_to_stdstream"):
        # Ray has no setting for what it hears from its nodes.
        module.print_to_stdstream = _print_nothing


def count_no_callbacks() -> None:
    """Have Ray Tune not count which callbacks are its own, for statistics that are turned off.

    It would import MLflow for that, which takes seconds before the first trial.
    """
    if hasattr(usage, "tag_callbacks"):
        usage.tag_callbacks = _count_nothing


def _count_nothing(callbacks: object) -> bool:
    del callbacks
    return False


def _print_nothing(data: object, ignore_prefix: bool) -> None:
    del data, ignore_prefix
