"""The tables of a Hugging Face folder: Arrow as ``save_to_disk`` writes it, and Parquet.

They are read with PyArrow alone, so that no code of the folder or of ``datasets`` runs.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from sslcl.data.corpus import SPLITS
from sslcl.data.formats.own._split_names import split_of_name
from sslcl.data.formats.own._table import RawTable
from sslcl.errors import InputError

INFO = "dataset_info.json"
WHOLE = ""
"""The split of a folder that is parted into none."""
_ARROW, _PARQUET = ".arrow", ".parquet"
_SEVERAL_WORDS = re.compile(r"\S\s+\S")

Record = Mapping[str, Any]


@dataclass(frozen=True)
class HubTables:
    """What a folder holds.

    Args:
        tables: by split; one of :data:`WHOLE` where there are no splits.
        classes: column to class names, from the features that the files declare.
        licence: as the folder states it.
    """

    tables: Mapping[str, RawTable]
    classes: Mapping[str, tuple[str, ...]]
    licence: str


def hub_files(files: Sequence[Path]) -> dict[str, list[Path]]:
    """The shards of each split, by the name of the file or else of its folder; none elsewhere."""
    arrow = [path for path in files if path.suffix == _ARROW]
    shards = arrow or [path for path in files if path.suffix == _PARQUET]
    home: dict[str, list[Path]] = defaultdict(list)
    for path in shards:
        home[split_of_name(path) or split_of_name(path.parent) or WHOLE].append(path)
    if WHOLE in home and (len(home) > 1 or not arrow):
        return {}
    order = [split for split in (*SPLITS, WHOLE) if split in home]
    return {split: sorted(home[split]) for split in order}


def read_hub_tables(home: Mapping[str, Sequence[Path]]) -> HubTables:
    """Read all shards.

    Raises:
        InputError: when a file is damaged, or has no rows.
    """
    tables: dict[str, RawTable] = {}
    classes: dict[str, tuple[str, ...]] = {}
    for split, shards in home.items():
        parts = [_read(path) for path in shards]
        for path, part in zip(shards, parts, strict=True):
            classes |= _class_names(_features(path, part))
        named = [dict(row) for part in parts for row in part.to_pylist()]
        if not named:
            raise InputError(f"{shards[0]} has no rows, expected utterances or conversations")
        tables[split] = _raw(
            shards, [r for n, row in enumerate(named) for r in _turns(n, row)], classes
        )
    first = next(iter(home.values()))[0]
    return HubTables(tables, classes, _licence(first))


def _read(path: Path) -> Any:
    try:
        if path.suffix == _PARQUET:
            return pq.read_table(path)
        with pa.memory_map(str(path)) as source:
            try:
                return pa.ipc.open_stream(source).read_all()
            except pa.ArrowInvalid:
                return pa.ipc.open_file(source).read_all()
    except (pa.ArrowException, OSError, ValueError) as error:
        problem = " ".join(str(error).split())[:100]
        raise InputError(
            f"{path} is not a complete {path.suffix[1:].capitalize()} file, as a download that was "
            f"cut off leaves it: fetch it again ({problem})"
        ) from None


def _features(path: Path, table: Any) -> Any:
    """What the file declares of its columns, else what the file beside it does."""
    declared = (table.schema.metadata or {}).get(b"huggingface")
    texts = [declared.decode("utf-8", "replace")] if declared else []
    beside = path.parent / INFO
    if beside.is_file():
        texts.append(beside.read_text(encoding="utf-8", errors="replace"))
    for text in texts:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            continue
        features = value.get("info", value).get("features") if isinstance(value, dict) else None
        if isinstance(features, dict):
            return features
    return {}


def _class_names(features: Any) -> dict[str, tuple[str, ...]]:
    """Column, or field of a list of objects, to class names."""
    found: dict[str, tuple[str, ...]] = {}
    for name, feature in features.items():
        inner = feature[0] if isinstance(feature, list) and feature else feature
        while isinstance(inner, dict) and isinstance(inner.get("feature"), dict):
            inner = inner["feature"]
        if not isinstance(inner, dict):
            continue
        if inner.get("_type") == "ClassLabel" and isinstance(inner.get("names"), list):
            found[str(name)] = tuple(map(str, inner["names"]))
        elif "_type" not in inner:
            found |= _class_names(inner)
    return found


def _turns(number: int, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The utterances of a row: itself, or one for each element of its lists of one length."""
    lists = {name: value for name, value in row.items() if isinstance(value, list) and value}
    for value in row.values():
        if isinstance(value, dict) and value and all(isinstance(v, list) for v in value.values()):
            lists |= {str(inner): v for inner, v in value.items()}
    objects = {n: v for n, v in lists.items() if all(isinstance(one, dict) for one in v)}
    if len(objects) == 1:
        turns = next(iter(objects.values()))
    elif _are_turns(lists):
        turns = [
            dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)
        ]
    else:
        yield row
        return
    outer = {name: v for name, v in row.items() if not isinstance(v, list | dict)}
    said = _text_column(turns)
    for turn in turns:
        named = {("text" if name == said else name): value for name, value in turn.items()}
        yield {"conversation": f"row_{number + 1}", **outer, **named}


def _are_turns(lists: Mapping[str, Sequence[Any]]) -> bool:
    """Whether lists are of one length and one of texts, unlike the numbers of a feature vector."""
    texts = any(isinstance(value[0], str) for value in lists.values())
    return texts and len({len(value) for value in lists.values()}) == 1


def _text_column(turns: Sequence[Record]) -> str:
    """The one field of several words, where none is called ``text``."""
    if any("text" in turn for turn in turns):
        return ""
    names = [
        name
        for name in turns[0]
        if any(isinstance(t.get(name), str) and _SEVERAL_WORDS.search(t[name]) for t in turns)
    ]
    return names[0] if len(names) == 1 else ""


def _raw(
    shards: Sequence[Path], records: Sequence[Record], classes: Mapping[str, tuple[str, ...]]
) -> RawTable:
    header = list(dict.fromkeys(str(name) for record in records for name in record))
    rows = [
        [_cell(record.get(name), classes.get(name, ())) for name in header] for record in records
    ]
    places = [f"{shards[0].parent}, row {number}" for number in range(1, len(rows) + 1)]
    return RawTable(shards[0].parent, pd.DataFrame(rows, columns=header, dtype=str), {}, places)


def _cell(value: Any, classes: Sequence[str]) -> str:
    """A value as text: a class by its name, nothing for the class -1 and for what is nested."""
    if value is None or value != value or isinstance(value, list | dict | bytes):
        return ""
    if classes and isinstance(value, int):
        return classes[value] if 0 <= value < len(classes) else "" if value == -1 else str(value)
    return str(value)


def _licence(shard: Path) -> str:
    """The licence that the folder's own description states."""
    beside = shard.parent / INFO
    try:
        value = json.loads(beside.read_text(encoding="utf-8"))
        licence = value.get("license") if isinstance(value, dict) else None
    except (OSError, ValueError, RecursionError):
        licence = None
    for folder in (shard.parent, *shard.parents[1:3]):
        if licence:
            break
        licence = _front_matter(folder / "README.md").get("license")
    return " ".join(str(licence or "").split())[:200]


def _front_matter(readme: Path) -> dict[str, str]:
    """The plain lines ``key: value`` between two rules at the top of a page."""
    try:
        text = readme.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    head = text.removeprefix("---").partition("\n---")[0] if text.startswith("---") else ""
    pairs = (line.partition(":") for line in head.splitlines() if not line.startswith((" ", "-")))
    return {key.strip(): value.strip() for key, _, value in pairs if value.strip()}
