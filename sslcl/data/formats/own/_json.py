"""The utterances of a JSON or JSONL file, however they are nested."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sslcl.data.formats.own._cut_off import cut_off
from sslcl.data.formats.own._split_names import split_of_word
from sslcl.data.reading.texts import read_text
from sslcl.errors import InputError


def json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The utterances of a file with an object a line, and the number of the line.

    Raises:
        InputError: naming the line that is no object.
    """
    lines = read_text(path).split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            last = all(not rest.strip() for rest in lines[number:])
            if last and number > 1:
                raise cut_off(path, "JSONL", error) from None
            raise InputError(
                f"{path}, line {number}: is no JSON: expected one object in braces a line ({error})"
            ) from None
        yield from _records(path, number, value)


def json_records(path: Path) -> tuple[list[tuple[int, Mapping[str, Any]]], bool]:
    """The utterances of a file, each with the number of its entry, and whether splits are apart.

    Entries are utterances or conversations: in a list, or in an object under the names of their
    splits or conversations, which then stand in the columns ``split`` and ``conversation``.

    Raises:
        InputError: naming the entry that is none.
    """
    try:
        value = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise cut_off(path, "JSON", error) from None
    records: list[tuple[int, Mapping[str, Any]]] = [
        (number, {**outer, **record})
        for number, (outer, one) in enumerate(_entries(path, value), start=1)
        for _, record in _records(path, number, one)
    ]
    return records, _is_of_splits(value)


def _entries(path: Path, value: Any) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """What a file holds, entry by entry, with what the names above an entry say of it."""
    if not isinstance(value, dict) or _inner(value):
        yield from (({}, one) for one in (value if isinstance(value, list) else [value]))
        return
    if not value or not all(map(_holds_objects, value.values())):
        raise InputError(
            f"{path}: is one object without a list of objects, expected a list with an object for "
            "each utterance or conversation"
        )
    if _is_of_splits(value):
        for name, below in value.items():
            for outer, one in _entries(path, below):
                yield {"split": name, **outer}, one
        return
    for name, below in value.items():
        for one in below if isinstance(below, list) else [below]:
            yield {"conversation": name}, one


def _is_of_splits(value: Any) -> bool:
    return isinstance(value, dict) and all(split_of_word(str(name)) for name in value)


def _holds_objects(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)
    )


def _records(path: Path, number: int, value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """An utterance, or those of a conversation, which keeps them in a list."""
    if not isinstance(value, dict):
        raise InputError(
            f"{path}, entry {number}: is {str(value)!r:.40}, expected an object with the values of "
            "an utterance by name"
        )
    name = _inner(value)
    if not name:
        yield number, value
        return
    outer = {key: one for key, one in value.items() if key != name}
    for one in value[name]:
        for _, record in _records(path, number, one):
            yield number, {**outer, **record}


def _inner(value: Mapping[str, Any]) -> str:
    """The one key of an object under which a list of objects is."""
    names = [
        name
        for name, one in value.items()
        if isinstance(one, list) and one and all(isinstance(record, dict) for record in one)
    ]
    return names[0] if len(names) == 1 else ""
