"""The level that a configuration has of a factor."""

from collections.abc import Mapping

from sslcl.config import TrialConfig

OPTIONS = ("backbone_options", "dataset_options")
"""Fields whose entries are told apart, as ``<field>.<option>``."""


def level_of(config: TrialConfig, factor: str) -> object | None:
    """The level that ``config`` has of ``factor``, a field or ``<field>.<option>``.

    ``None`` where it has none; several values of one field are joined by ``+``.
    """
    field, _, option = factor.partition(".")
    value: object | None = getattr(config, field, None)
    if option:
        return value.get(option) if isinstance(value, Mapping) else None
    return "+".join(map(str, value)) if isinstance(value, tuple) else value


def flat(config: TrialConfig) -> dict[str, object]:
    """Every field and option of ``config`` under its name as a factor."""
    names = [name for name in TrialConfig.model_fields if name not in OPTIONS]
    found = {name: level_of(config, name) for name in names}
    for field in OPTIONS:
        options: Mapping[str, object] = getattr(config, field)
        found |= {f"{field}.{option}": value for option, value in options.items()}
    return found
