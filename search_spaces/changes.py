"""What differs between two versions of a study, in words."""

from collections.abc import Mapping
from typing import Any

from search_spaces.factors import level_name


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """One line for each difference between two canonical forms, by key path.

    Example:
        >>> changes({"search": {"trials": 24}}, {"search": {"trials": 30}})
        ['search.trials: 24 -> 30']
    """
    return _changes(old, new, "")


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> list[str]:
    lines: list[str] = []
    for key in [*new, *(key for key in old if key not in new)]:
        place = f"{path}.{key}" if path else str(key)
        before, after = old.get(key), new.get(key)
        if before == after and (key in old) == (key in new):
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            lines += _changes(before, after, place)
        elif isinstance(before, list) and isinstance(after, list):
            lines.append(f"{place.removesuffix('.levels')}: {_list_change(before, after)}")
        elif key not in old or (before is None and isinstance(after, Mapping)):
            lines.append(f"{place}: added")
        elif key not in new or (after is None and isinstance(before, Mapping)):
            lines.append(f"{place}: removed")
        else:
            lines.append(f"{place}: {_text(before)} -> {_text(after)}")
    return lines


def _list_change(before: list[Any], after: list[Any]) -> str:
    added = ", ".join(level_name(item) for item in after if item not in before)
    removed = ", ".join(level_name(item) for item in before if item not in after)
    said = [f"added {added}"] * bool(added) + [f"removed {removed}"] * bool(removed)
    return ", ".join(said) or f"reordered to {', '.join(map(level_name, after))}"


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(level_name, value))
    return "none" if value is None else level_name(value)
