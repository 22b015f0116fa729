"""YAML from people and for them: plain values, strictly read within limits, exactly written."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from sslcl.errors import InputError

MOST_CHARACTERS = 1_000_000
MOST_LEVELS = 40
MOST_VALUES = 100_000
"""Values in one document, an alias counting as often as it is used."""


def parse_yaml(text: str, where: str) -> Any:
    """Plain values from YAML; a key that is given twice is an error, and so is sheer size.

    Args:
        text: one document.
        where: what it is, as an error message calls it.

    Raises:
        InputError: with line and column of the first mistake.
    """
    if len(text) > MOST_CHARACTERS:
        raise InputError(
            f"{where}: {len(text)} characters of YAML: expected at most {MOST_CHARACTERS}"
        )
    try:
        values = yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = " ".join((error.problem or "cannot be read").split())
        raise InputError(f"{where}{place}: not valid YAML: {problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{where}: not valid YAML: {problem}") from None
    if _count(values, MOST_VALUES) > MOST_VALUES:
        raise InputError(f"{where}: more than {MOST_VALUES} values, aliases counted each time")
    return values


def as_yaml(values: Any) -> str:
    """Plain values as YAML that :func:`parse_yaml` reads back unchanged."""
    text: str = yaml.dump(
        values, Dumper=_ExactDumper, sort_keys=False, allow_unicode=True, width=10**6
    )
    return text


def _count(values: Any, most: int) -> int:
    """How many values there are in all, or some number above ``most``."""
    counted, waiting = 0, [values]
    while waiting and counted <= most:
        value = waiting.pop()
        counted += 1
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return counted


class _StrictLoader(yaml.SafeLoader):
    """Refuses repeated keys and deep nesting; reads ``1e-3`` as the number it is in YAML 1.2."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MOST_LEVELS:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, f"more than {MOST_LEVELS} levels deep", mark
            )
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


class _ExactDumper(yaml.SafeDumper):
    """Writes text with line breaks of any kind in double quotes, where they are escaped."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = '"' if data.splitlines() != [data] else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_ExactDumper.add_representer(str, _ExactDumper.represent_str)
for _side in (_StrictLoader, _ExactDumper):
    # A number is one for both, so that a text which looks like one is written in quotes.
    _side.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )
