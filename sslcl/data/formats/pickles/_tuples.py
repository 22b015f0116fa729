"""What the published feature tuples share: dictionaries by dialogue id, and lists of ids."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sslcl.data.corpus import SPLITS
from sslcl.data.reading.feature_width import width_of
from sslcl.data.reading.path_contents import PathContents
from sslcl.data.reading.pickles import printable
from sslcl.errors import InputError

ROBERTA = 1024
ROBERTA_NOTE = (
    "text is the mean of four layers of RoBERTa fine-tuned on the training labels: training rows "
    "are easier to separate than test rows"
)
FITTED_NOTE = (
    "the published features were fitted with the corpus's own training labels: training rows are "
    "easier to separate than test rows"
)

ByDialogue = Mapping[str, Any]


@dataclass(frozen=True)
class Layout:
    """Where a tuple of ``length`` fields keeps what.

    Args:
        corpus: short name.
        length: number of fields.
        speakers: how a speaker is written: ``letters``, ``digits`` or ``one-hot``.
        fields: name to position, for ``speakers``, ``labels``, ``sentences``, ``train``, ``test``
            and, where there are, ``utterances``, ``validation`` and ``sentiment``.
        features: modality to the positions whose mean it is, and their usual width.
        notes: what of a file is unusual.
    """

    corpus: str
    length: int
    speakers: str
    fields: Mapping[str, int]
    features: Mapping[str, tuple[tuple[int, ...], int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def fits(self, content: Any) -> bool:
        """Whether a pickle's content has this structure, its features being of any width."""
        if not isinstance(content, tuple | list) or len(content) != self.length:
            return False
        needed = [content[self.fields[name]] for name in ("speakers", "labels", "sentences")]
        if not all(isinstance(part, dict) and part for part in needed):
            return False
        if not isinstance(_first(needed[2]), str):
            return False
        splits = [content[self.fields[n]] for n in ("train", "test") if n in self.fields]
        if any(isinstance(part, dict) for part in splits):
            return False
        return speaker_kind(needed[0]) == self.speakers and all(
            len({*widths}) == 1 and widths[0] for widths in self._widths(content).values()
        )

    def swapped(self, content: Any) -> bool:
        """Whether a content that fits has the usual widths at the places of other modalities."""
        here = [widths[0] for widths in self._widths(content).values()]
        usual = [width for _, width in self.features.values()]
        return here != usual and sorted(here) == sorted(usual)

    def _widths(self, content: Any) -> dict[str, list[int]]:
        return {
            name: [width_of(content[place]) for place in places]
            for name, (places, _) in self.features.items()
        }

    def usual_widths(self, content: Any) -> int:
        """How many modalities of a content that fits have their usual width."""
        widths = self._widths(content)
        return sum(widths[name][0] == width for name, (_, width) in self.features.items())

    def fitted(self, content: Any) -> "Layout":
        """The layout with the widths of a content that fits, and a note on unusual ones."""
        widths = {name: found[0] for name, found in self._widths(content).items()}
        other = [
            f"{name} {widths[name]} (usual {width})"
            for name, (_, width) in self.features.items()
            if widths[name] != width
        ]
        features = {name: (places, widths[name]) for name, (places, _) in self.features.items()}
        told = f"features are of other widths than the published ones: {', '.join(other)}"
        return replace(self, features=features, notes=(told,) if other else ())


@dataclass(frozen=True)
class Feature:
    """One modality: ``width`` numbers an utterance, the mean of ``fields`` if they are several."""

    file: Path
    fields: tuple[ByDialogue, ...]
    width: int


@dataclass(frozen=True)
class Parts:
    """A published corpus taken apart, every dictionary by the same dialogue ids."""

    corpus: str
    file: Path
    splits: Mapping[str, tuple[str, ...]]
    fields: Mapping[str, ByDialogue]
    features: Mapping[str, Feature]
    notes: tuple[str, ...] = ()


def speaker_kind(by_dialogue: Mapping[Any, Any]) -> str:
    """How the first speaker is written: ``letters``, ``digits``, ``one-hot``, or nothing known."""
    one = _first(by_dialogue)
    if isinstance(one, str):
        return "digits" if one.isdigit() else "letters"
    return "one-hot" if isinstance(one, list | tuple | np.ndarray) else ""


def _first(by_dialogue: Mapping[Any, Any]) -> Any:
    rows = next(iter(by_dialogue.values()))
    return rows[0] if length(rows) else None


def length(rows: Any) -> int:
    """The rows of a list, array or tensor; 0 for anything else."""
    if isinstance(rows, np.ndarray | torch.Tensor):
        return int(rows.shape[0]) if rows.ndim else 0
    return len(rows) if isinstance(rows, list | tuple) else 0


def as_text(labels: Any) -> list[str]:
    """The labels of a dialogue, to be compared before they are checked."""
    return [str(label) for label in labels] if length(labels) else []


def fitting(contents: PathContents, layouts: Iterable[Layout]) -> dict[Path, Layout]:
    """The pickles that fit one of ``layouts``, with that whose widths they have most of."""
    known = list(layouts)
    fits = {}
    for file, content in contents.pickles.items():
        fitting_ones = [layout for layout in known if layout.fits(content)]
        if fitting_ones and not any(layout.swapped(content) for layout in fitting_ones):
            best = max(fitting_ones, key=lambda layout: layout.usual_widths(content))
            fits[file] = best.fitted(content)
    return fits


def only(files: Sequence[Path], what: str) -> Path:
    """The one file there should be.

    Raises:
        InputError: when there are several.
    """
    if len(files) > 1:
        names = ", ".join(sorted(str(file) for file in files))
        raise InputError(
            f"{len(files)} files are {what} ({names}): give the path of one, or keep the files of "
            "one corpus in a folder of its own"
        )
    return files[0]


def take_apart(file: Path, content: Sequence[Any], layout: Layout) -> Parts:
    """The fields of a tuple by name.

    Raises:
        InputError: when ids are not proper or a dialogue is in two splits.
    """
    by_name = {name: content[place] for name, place in layout.fields.items()}
    splits: dict[str, tuple[str, ...]] = {
        split: _ids(by_name[split], file, split) for split in SPLITS if split in by_name
    }
    _check_splits(splits, file)
    fields = {name: keyed(x, file, name) for name, x in by_name.items() if name not in splits}
    features = {
        name: Feature(file, tuple(keyed(content[p], file, name) for p in places), width)
        for name, (places, width) in layout.features.items()
    }
    return Parts(layout.corpus, file, splits, fields, features, layout.notes)


def _id(value: Any, file: Path, where: str) -> str:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    proper = isinstance(value, str | int | np.integer) and not isinstance(value, bool)
    if not proper or not str(value).isprintable():
        raise InputError(
            f"{file}: {where} has {shown(value)} where the id of a dialogue was expected"
        )
    return str(value)


def shown(value: Any) -> str:
    """A strange value in an error, in a few words and one line."""
    return printable(" ".join(repr(value).split()))


def _ids(values: Any, file: Path, split: str) -> tuple[str, ...]:
    """Ids in an order that does not depend on the run: sets have none."""
    if not isinstance(values, set | frozenset | list | tuple) and not length(values):
        raise InputError(f"{file}: the {split} ids are a {type(values).__name__}, expected a list")
    ids = [_id(value, file, f"the {split} split") for value in values]
    again = {one for one in ids if ids.count(one) > 1} if len(set(ids)) < len(ids) else set()
    if again:
        raise InputError(f"{file}: dialogue '{min(again)}' is twice in the {split} split")
    return tuple(sorted(ids, key=lambda one: (int(one) if one.isdecimal() else -1, one)))


def _check_splits(splits: Mapping[str, tuple[str, ...]], file: Path) -> None:
    seen: dict[str, str] = {}
    for split, ids in splits.items():
        if not ids:
            raise InputError(f"{file}: the {split} split has no dialogues")
        for one in ids:
            if one in seen:
                raise InputError(f"{file}: dialogue '{one}' is in {seen[one]} and in {split}")
            seen[one] = split


def ids_of(content: Sequence[Any], layout: Layout) -> frozenset[str]:
    """The ids of all dialogues with labels, without a check."""
    return frozenset(map(str, content[layout.fields["labels"]]))


def keyed(field_: Any, file: Path, name: str) -> ByDialogue:
    """A dictionary by the text of its ids.

    Raises:
        InputError: when it is none, or two ids are the same.
    """
    if not isinstance(field_, dict):
        raise InputError(
            f"{file}: {name} is a {type(field_).__name__}, expected a dictionary by dialogue"
        )
    keyed = {_id(key, file, name): value for key, value in field_.items()}
    if len(keyed) != len(field_):
        raise InputError(f"{file}: two dialogues of {name} have the same id")
    return keyed
