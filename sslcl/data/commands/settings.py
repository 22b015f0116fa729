"""``--set KEY=VALUE`` for the options of a dataset."""

from collections.abc import Iterable

import yaml

from sslcl.errors import InputError
from sslcl.validation import Scalar


def parse_settings(texts: Iterable[str]) -> dict[str, Scalar]:
    """Options from ``KEY=VALUE`` texts, where ``VALUE`` is a YAML scalar; the last one counts.

    Raises:
        InputError: when a text is not of this form.
    """
    options: dict[str, Scalar] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {text}: expected KEY=VALUE")
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError:
            read = None
        if not isinstance(read, bool | int | float | str):
            raise InputError(f"--set {text}: expected a number, a word, true or false")
        options[key.strip()] = read
    return options
