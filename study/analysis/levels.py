"""The levels of a trial's configuration, each under its name as a factor."""

from collections.abc import Mapping

from sslcl.config import TrialConfig, component_defaults
from sslcl.levels import level_of

OPTIONS = ("backbone_options", "dataset_options")
"""Fields whose entries are factors of their own, as ``<field>.<option>``."""
BY_FOLD = "by fold"
"""Stands for a level where the winners of the folds have several."""


def config_level(config: TrialConfig, factor: str) -> object | None:
    """The level that ``config`` has of ``factor``, see :func:`sslcl.levels.level_of`."""
    level: object | None = level_of(dict(config), factor)
    return level


def flat(config: TrialConfig) -> dict[str, object]:
    """Every field and option of ``config`` under its name as a factor."""
    levels = {n: config_level(config, n) for n in TrialConfig.model_fields if n not in OPTIONS}
    for field in OPTIONS:
        options: Mapping[str, object] = getattr(config, field)
        levels |= {f"{field}.{option}": value for option, value in options.items()}
    return levels


def chosen(config: TrialConfig) -> dict[str, object]:
    """:func:`flat` without the fields that only follow from objective and similarity."""
    levels = flat(config)
    for name, default in component_defaults(config.objective, config.similarity).items():
        if levels[name] == default:
            del levels[name]
    return levels
