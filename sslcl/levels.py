"""The level that a configuration has of a factor."""

from collections.abc import Mapping
from typing import Any


def level_of(values: Mapping[str, Any], factor: str) -> Any:
    """The value under ``factor``: a field, or ``<field>.<option>`` for an entry of a mapping.

    Args:
        values: a configuration's fields by name.
        factor: name of the factor.

    Returns:
        ``None`` where there is none; several values of one field are joined by ``+``.

    Example:
        >>> level_of({"backbone_options": {"layers": 2}}, "backbone_options.layers")
        2
        >>> level_of({"modalities": ("text", "audio")}, "modalities")
        'text+audio'
    """
    field, _, option = factor.partition(".")
    value = values.get(field)
    if option:
        value = value.get(option) if isinstance(value, Mapping) else None
    return "+".join(map(str, value)) if isinstance(value, tuple | list) else value
