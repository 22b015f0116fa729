"""Which of several files in one layout holds which split."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from sslcl.data.corpus import SPLITS
from sslcl.errors import InputError

WORDS = {
    "train": "train",
    "trn": "train",
    "dev": "validation",
    "val": "validation",
    "test": "test",
    "tst": "test",
}


class Published(NamedTuple):
    """Size of one split."""

    utterances: int
    dialogues: int


def any_published(sizes: Mapping[Path, Published], published: Mapping[str, Published]) -> bool:
    """Whether a file has the size of a published split; arguments as :func:`splits_of_files`."""
    return bool(set(sizes.values()) & set(published.values()))


def splits_of_files(
    sizes: Mapping[Path, Published], published: Mapping[str, Published]
) -> tuple[dict[str, Path], list[str]]:
    """The file of each split, in the order train, validation, test, and notes on what is unusual.

    A file of a published size is the split of that size, whatever it is called. Any other is the
    split that its name speaks of, and the note says how its size differs.

    Args:
        sizes: of the files found.
        published: sizes of the splits as they were published.

    Raises:
        InputError: when a file tells its split neither way, or two are the same one.
    """
    home: dict[str, Path] = {}
    notes = []
    for file, size in sizes.items():
        by_size = [split for split, known in published.items() if known == size]
        named = split_named(file.stem)
        if not by_size and named is None:
            raise InputError(
                f"{file} has {_words(size)}, the size of no published split: expected 'train', "
                "'dev' or 'test' in its name"
            )
        split = by_size[0] if by_size else str(named)
        if split in home:
            raise InputError(
                f"{home[split]} and {file} both hold the {split} split: expected one file a split"
            )
        home[split] = file
        if not by_size:
            usual = _words(published[split])
            notes.append(
                f"{file.name} has {_words(size)}, as published {usual}; {split} by its name"
            )
        elif named not in (None, split):
            notes.append(f"{file.name} holds the {split} split, by its size")
    for split in (split for split in SPLITS if split not in home):
        notes.append(f"there is no file of the {split} split")
    return {split: home[split] for split in SPLITS if split in home}, notes


def split_named(*texts: str) -> str | None:
    """The split that the first of ``texts`` that speaks of exactly one speaks of."""
    for text in texts:
        said = set(re.findall("|".join(WORDS), text.lower()))
        if len({WORDS[word] for word in said}) == 1:
            return WORDS[said.pop()]
    return None


def _words(size: Published) -> str:
    return f"{size.utterances} utterances in {size.dialogues} dialogues"
