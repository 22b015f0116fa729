"""Ledgers and Optuna storages whose writer dies between any two writes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage

from tracking.ledger import Ledger


class Died(BaseException):
    """The driver is dead; no handler of ``Exception`` may bring it back."""


@dataclass
class Fuse:
    """Lets ``left`` writes pass, and none after them; any number when ``None``."""

    left: int | None = None
    written: int = 0

    def burn(self) -> None:
        if self.left is not None and self.written >= self.left:
            raise Died
        self.written += 1


def _mortal(base: type[Any], names: tuple[str, ...]) -> type[Any]:
    """A subclass of ``base`` whose methods ``names`` first burn its ``fuse``."""

    def wrapped(name: str) -> Callable[..., Any]:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            self.fuse.burn()
            return getattr(base, name)(self, *args, **kwargs)

        return call

    return type(f"Mortal{base.__name__}", (base,), {name: wrapped(name) for name in names})


_STORAGE_WRITES = tuple(
    name
    for name in dir(BaseStorage)
    if name.startswith(("create_new_", "set_trial_", "set_study_")) and name != "set_study_name"
)
_LEDGER_WRITES = (
    "plan",
    "start",
    "release",
    "retry",
    "release_running",
    "record_epochs",
    "complete",
    "prune",
    "fail",
    "cache",
    "set_reference",
)
MortalLedger = _mortal(Ledger, _LEDGER_WRITES)
MortalMemory = _mortal(InMemoryStorage, _STORAGE_WRITES)
MortalSQLite = _mortal(RDBStorage, (*_STORAGE_WRITES, "_create_new_trial", "_set_trial_param"))
"""The underscored ones are what Optuna's cache calls in its place."""


def open_ledger(folder: Path) -> Ledger:
    """A ledger whose writer can be made to die."""
    ledger: Ledger = MortalLedger(f"sqlite:///{folder}/results.db")
    ledger.fuse = Fuse()  # type: ignore[attr-defined]
    return ledger
