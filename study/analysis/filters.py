"""Parts of a phase: the trials that meet conditions such as ``backbone=recurrent``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from search_spaces.factors import level_name
from sslcl.config import TrialConfig
from sslcl.errors import InputError, unknown
from study.analysis.levels import OPTIONS, config_level, flat
from study.analysis.reading import REPORTED, PhaseReading
from tracking.records import Phase
from tracking.rows import TrialRow

_OWN = ("cell", "phase")
"""What can be asked of a trial besides its configuration."""
_FIELDS = (*(name for name in TrialConfig.model_fields if name not in OPTIONS), *_OWN)


@dataclass(frozen=True)
class Conditions:
    """What trials must be like to count.

    Args:
        wanted: configuration field, factor, ``seed``, ``cell`` or ``phase`` to the values that
            will do.
    """

    wanted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Conditions":
        """Read ``KEY=VALUE`` texts; of one key any value will do, and all keys must hold.

        Raises:
            InputError: for a text without ``=``, or an unknown key or phase.
        """
        wanted: dict[str, tuple[str, ...]] = {}
        for text in texts:
            key, equals, value = text.partition("=")
            key, value = key.strip(), value.strip()
            if not (key and equals and value):
                raise InputError(f"--where '{text}': expected KEY=VALUE, such as seed=1001")
            if key.partition(".")[0] not in OPTIONS and key not in _FIELDS:
                raise unknown("key", key, _FIELDS, "--where")
            if key == "phase" and value not in [phase.value for phase in REPORTED]:
                raise unknown("phase", value, [phase.value for phase in REPORTED], "--where")
            wanted[key] = (*wanted.get(key, ()), value)
        return cls(wanted)

    def __bool__(self) -> bool:
        return bool(self.wanted)

    def phases(self, phase: Phase | None) -> tuple[Phase, ...]:
        """The phases to look into, in the order of a report; ``phase`` alone when given."""
        given = REPORTED if phase is None else (phase,)
        named = self.wanted.get("phase")
        return tuple(p for p in given if named is None or p.value in named)

    def applied(self, reading: PhaseReading) -> PhaseReading:
        """The phase with the matching trials alone.

        Raises:
            InputError: when no trial matches, naming the nearest value that one has.
        """
        kept = reading.trials
        for key, values in self.wanted.items():
            if key == "phase":
                continue
            present = {name for trial in kept for name in [_value(trial, key)] if name is not None}
            if not present:
                names = {name for trial in kept for name in flat(trial.config)}
                raise unknown("key", key, names | set(_OWN), "--where")
            for value in values:
                if not any(_same(name, value) for name in present):
                    raise unknown(f"value of {key}", value, present, "the trials")
            kept = tuple(t for t in kept if any(_same(_value(t, key), v) for v in values))
        return replace(reading, trials=kept, some_folds="fold" in self.wanted)

    @property
    def words(self) -> str:
        """Such as ``backbone = recurrent, seed = 1001 or 1002``."""
        return ", ".join(f"{key} = {' or '.join(values)}" for key, values in self.wanted.items())


def _value(trial: TrialRow, key: str) -> str | None:
    if key == "cell":
        return trial.cell
    level = config_level(trial.config, key)
    return None if level is None else level_name(level)


def _same(name: str | None, value: str) -> bool:
    if name is None or name == value:
        return name is not None
    try:
        return float(name) == float(value)
    except ValueError:
        return False
