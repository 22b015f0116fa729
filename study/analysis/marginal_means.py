"""Means of a phase's trials by the levels of one or two factors, the others alike."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from search_spaces.factors import level_name
from sslcl.config import TrialConfig
from sslcl.errors import unknown
from study.analysis.costs import values_of
from study.analysis.levels import chosen
from study.analysis.reading import PhaseReading

Levels = tuple[str, ...]
_BLOCKS = ("seed", "folds", "fold")
"""Fields that tell the trials of a cell apart."""
_Seen = dict[Levels, dict[str, dict[int, float]]]
"""Levels to setting of the other factors to seed to value."""


@dataclass(frozen=True)
class Mean:
    """What the trials at some levels came to.

    Args:
        by_seed: seed to the mean over the settings of the other factors.
        settings: how many of those there were.
    """

    by_seed: Mapping[int, float]
    settings: int

    @property
    def n(self) -> int:
        """Trials that it rests on."""
        return len(self.by_seed) * self.settings

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return fmean(self.by_seed.values())

    @property
    def sd(self) -> float | None:
        """Over the seeds, with n - 1; ``None`` for one."""
        return stdev(self.by_seed.values()) if len(self.by_seed) > 1 else None


@dataclass(frozen=True)
class Crossing:
    """Means by combination of levels, in the order in which they were planned.

    Args:
        factors: those whose levels are told apart.
        means: by their levels, which has no entry where there is no trial.
        notes: what a reader must know besides, in sentences.
    """

    factors: tuple[str, ...]
    means: Mapping[Levels, Mean]
    notes: tuple[str, ...]

    def levels(self, place: int) -> list[str]:
        """The levels of the factor at ``place``."""
        return list(dict.fromkeys(levels[place] for levels in self.means))


def cross(reading: PhaseReading, metric: str, factors: Sequence[str]) -> Crossing:
    """Average over the settings of the other factors, then over the seeds.

    Only settings that every combination of levels has are averaged over, so that nothing but the
    levels differs between them; where there is no such setting, as in a fraction of a grid, whose
    balance takes its place, all are. A seed counts where it has all of the settings.

    Raises:
        InputError: for a factor that does not vary over the phase, or an unknown metric.
    """
    values = values_of(reading, metric)
    # The trials of a cell differ in nothing but seed and fold; winners of folds may differ besides.
    configs = {cell: trials[0].config for cell, trials in reading.cells.items()}
    known = varying(list(configs.values()))
    for name in factors:
        if name not in known:
            raise unknown("factor", name, known, "what varies between the finished trials")
    seen: _Seen = {}
    for cell, config in configs.items():
        if values[cell]:
            levels, setting = _split(config, factors)
            seen.setdefault(levels, {}).setdefault(setting, {}).update(values[cell])
    return _averaged(tuple(factors), seen)


def varying(configs: Sequence[TrialConfig]) -> list[str]:
    """Fields and options that differ between configurations, but for seed and fold."""
    flats = [chosen(config) for config in configs]
    names = dict.fromkeys(name for fields in flats for name in fields if name not in _BLOCKS)
    return [name for name in names if len({str(fields.get(name)) for fields in flats}) > 1]


def _split(config: TrialConfig, factors: Sequence[str]) -> tuple[Levels, str]:
    fields = chosen(config)
    levels = tuple(level_name(fields.pop(name, "–")) for name in factors)
    for name in _BLOCKS:
        fields.pop(name)
    return levels, json.dumps(fields, sort_keys=True, default=str)


def _averaged(factors: tuple[str, ...], seen: _Seen) -> Crossing:
    everywhere = set.intersection(*(set(settings) for settings in seen.values()))
    all_settings = {setting for settings in seen.values() for setting in settings}
    means: dict[Levels, Mean] = {}
    lost = False
    for levels, settings in seen.items():
        used = [by for setting, by in settings.items() if not everywhere or setting in everywhere]
        seeds = [seed for seed in used[0] if all(seed in by for by in used)]
        lost |= len(seeds) < len({seed for by in used for seed in by})
        if seeds:
            means[levels] = Mean({s: fmean(by[s] for by in used) for s in seeds}, len(used))
    return Crossing(factors, means, tuple(_notes(len(everywhere), len(all_settings), lost=lost)))


def _notes(common: int, settings: int, *, lost: bool) -> list[str]:
    notes = []
    if not common:
        notes.append(
            "No setting of the other factors is common to all combinations: each is averaged over "
            "its own, so the means compare only as far as the design is balanced."
        )
    elif common < settings:
        notes.append(
            f"The other factors are at the {common} of {settings} settings that all combinations "
            "have."
        )
    if lost:
        notes.append("Seeds that lack a trial are left out of the mean that it belongs to.")
    return notes
