"""Hugging Face folders as ``datasets`` writes them, written with PyArrow alone."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

Rows = Sequence[Mapping[str, Any]]
Features = Mapping[str, Any]
TEXT = {"dtype": "string", "_type": "Value"}


def labels(*names: str) -> Features:
    """The feature of a column of classes."""
    return {"names": list(names), "_type": "ClassLabel"}


def sequence(feature: Features) -> Features:
    """The feature of a column of lists."""
    return {"feature": feature, "_type": "Sequence"}


def table(rows: Rows, features: Features) -> Any:
    """The rows with the features in the schema."""
    made = pa.Table.from_pylist([dict(row) for row in rows])
    declared = json.dumps({"info": {"features": features}}).encode()
    return made.replace_schema_metadata({b"huggingface": declared})


def write_arrow(
    folder: Path, splits: Mapping[str, Rows], features: Features, shards: int = 1
) -> None:
    """A folder as ``DatasetDict.save_to_disk`` leaves it; the features stand in the JSON alone."""
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}))
    for split, rows in splits.items():
        home = folder / split
        home.mkdir()
        (home / "state.json").write_text(json.dumps({"_split": split}))
        info = {"features": features, "license": "cc-by-4.0"}
        (home / "dataset_info.json").write_text(json.dumps(info))
        part = -(-len(rows) // shards)
        for number in range(shards):
            made = pa.Table.from_pylist(
                [dict(r) for r in rows[number * part : (number + 1) * part]]
            )
            path = home / f"data-{number:05}-of-{shards:05}.arrow"
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, made.schema) as out:
                out.write_table(made)


def write_parquet(folder: Path, splits: Mapping[str, Rows], features: Features) -> None:
    """A folder as it is downloaded from the hub."""
    (folder / "README.md").write_text("---\nlicense: cc0-1.0\n---\n# Tea\n")
    (folder / "data").mkdir()
    for split, rows in splits.items():
        path = folder / "data" / f"{split}-00000-of-00001.parquet"
        pq.write_table(table(rows, features), path)
