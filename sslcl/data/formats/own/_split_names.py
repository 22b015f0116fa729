"""What splits are called in tables and in names of files."""

import re
from pathlib import Path

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "dev": "validation",
    "develop": "validation",
    "development": "validation",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
    "tst": "test",
}
"""What the splits are called in a table or the names of files, in any case."""


def split_of_name(path: Path) -> str | None:
    """The split that a word of a file's name is, such as ``my_Dev.csv``."""
    return split_of_word(path.stem)


def split_of_word(name: str) -> str | None:
    """The split that exactly one word of a name is, such as ``Dev`` or ``test set``."""
    words = re.split(r"[^a-z]+", name.lower())
    splits = {SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES}
    return splits.pop() if len(splits) == 1 else None
