"""Changes to a study file's content from the command line, before it is validated."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces.factors import OPTION_FIELDS, PLATFORM_OWN, check_factor_name
from search_spaces.schema import Study
from sslcl.config import TrialConfig
from sslcl.data import CATALOG
from sslcl.errors import InputError, unknown

Content = dict[str, Any]
_TOP = {field.alias or name for name, field in Study.model_fields.items()}
_BY_FACTOR = ("factors", "fixed", "reference", "levels", "when")
"""Keys of a study file under which the keys are names of factors."""


def use_dataset(values: Content, name_or_path: str) -> Content:
    """The study on another dataset, by name or path, without the options of the old one.

    Raises:
        InputError: when there is no dataset of that name, and no file or folder.
    """
    values = {**values, "dataset": name_or_path}
    values.pop("dataset_options", None)
    if name_or_path not in CATALOG.names():
        path = Path(name_or_path).expanduser()
        if not path.exists():
            place = "--data, where there is no such file or folder either"
            raise unknown("dataset", name_or_path, CATALOG.names(), place)
        values |= {"dataset": "path", "dataset_options": {"path": str(path.resolve())}}
    return values


def apply_override(values: Content, key: str, value: Any) -> Content:
    """The study with ``key`` set to ``value``.

    A bare configuration field is fixed in the base; it no longer varies, conditions on it that
    hold are dropped, and so are factors whose condition on it can no longer hold.

    Raises:
        InputError: when there is no such key.
    """
    parts = _split(key)
    if parts[0] in _TOP and parts[0] not in TrialConfig.model_fields:
        return _with(values, parts, value, f"--set {key}")
    name = ".".join(parts)
    field = parts[0]
    if field in PLATFORM_OWN:
        check_factor_name(field, f"--set {key}")
    if field not in TrialConfig.model_fields:
        known = _TOP | set(TrialConfig.model_fields) - set(PLATFORM_OWN)
        raise unknown("key", key, known, "--set")
    path = parts if field in _TOP else ["base", *parts]
    return _with(_fixed(values, name, value), path, value, f"--set {key}")


def _split(key: str) -> list[str]:
    """The keys of a dotted path; a factor such as ``backbone_options.layers`` is one key."""
    parts: list[str] = []
    for part in key.split("."):
        if len(parts) >= 2 and parts[-1] in OPTION_FIELDS and parts[-2] in _BY_FACTOR:
            parts[-1] = f"{parts[-1]}.{part}"
        else:
            parts.append(part)
    return parts


def _with(values: Any, path: list[str], value: Any, where: str) -> Content:
    if values is None:
        values = {}
    if isinstance(values, list):
        values = {"levels": values}
    if not isinstance(values, dict):
        raise InputError(f"{where}: {values!r} has no keys of its own")
    key, *rest = path
    if rest:
        return {**values, key: _with(values.get(key), rest, value, where)}
    old = values.get(key)
    if isinstance(value, list) and isinstance(old, dict) and "when" in old:
        value = {"levels": value, "when": old["when"]}
    return {**values, key: value}


def _factors(values: Mapping[str, Any]) -> Content:
    factors = values.get("factors")
    return factors if isinstance(factors, dict) else {}


def _fixed(values: Content, name: str, value: Any) -> Content:
    """The study without the factor ``name``, which has been given one value for good."""
    values = _without(values, name)
    for factor, raw in list(_factors(values).items()):
        when = raw.get("when") if isinstance(raw, dict) else None
        if not isinstance(when, dict) or name not in when:
            continue
        levels = when[name] if isinstance(when[name], list) else [when[name]]
        if value not in levels:
            values = _fixed(values, factor, None)
            continue
        others = {parent: held for parent, held in when.items() if parent != name}
        values = {**values, "factors": {**_factors(values), factor: {**raw, "when": others}}}
    return values


def _without(values: Content, name: str) -> Content:
    """The study without any mention of the factor ``name``, save in conditions."""
    values = {**values, "factors": _dropped(_factors(values), name)}
    for phase, keys in (("search", ("fixed",)), ("ablate", ("factors", "reference", "levels"))):
        if isinstance(section := values.get(phase), dict):
            kept = {key: _dropped(raw, name) for key, raw in section.items() if key in keys}
            values[phase] = {**section, **kept}
    return _without_retuned(values, name)


def _without_retuned(values: Content, name: str) -> Content:
    """The study whose rows do not tune the factor ``name`` anew; none at all if it was the last."""
    ablate = values.get("ablate")
    if not isinstance(ablate, dict) or not (raw := ablate.get("retune")):
        return values
    left = _dropped(raw.get("fields"), name) if isinstance(raw, dict) else _dropped(raw, name)
    retune = {**raw, "fields": left} if isinstance(raw, dict) else left
    return {**values, "ablate": {**ablate, "retune": retune if left else None}}


def _dropped(raw: Any, name: str) -> Any:
    if isinstance(raw, dict):
        return {key: value for key, value in raw.items() if key != name}
    return [item for item in raw if item != name] if isinstance(raw, list) else raw
