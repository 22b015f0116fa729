"""The card of the open format: which classes, modalities and files a folder has."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sslcl.data.corpus import COLUMNS, Task
from sslcl.data.folds import fold_scheme
from sslcl.data.formats import TABLE_FILES
from sslcl.data.formats.own._names import SYNONYMS
from sslcl.errors import InputError, unknown
from sslcl.plain_yaml import parse_yaml
from sslcl.validation import ModelT, validated

CARD = "data.yaml"
UNNAMED = "none"
"""What a card calls the column of speakers where there is none."""
TABLES = tuple(f"utterances{ending}" for ending in TABLE_FILES)
FEATURE_FILES = (".npy", ".npz", ".safetensors")
DEFAULT_TASK = "label"
RESERVED = (*COLUMNS, "order", "text", "start", "end")
"""Columns of the table that mean the same in every folder."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_MODALITY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def _text(value: Any) -> Any:
    # YAML reads yes, no, 1 and 2024-01-01 as something else than text.
    if isinstance(value, bool | int | float) or type(value).__name__ == "date":
        raise InputError(f"{value!r} is not text, expected it in quotes")
    return value


def _inside(value: Any) -> Any:
    """Files outside the folder would not be noticed when they change."""
    if isinstance(value, str) and (Path(value).is_absolute() or ".." in Path(value).parts):
        raise InputError(f"'{value}' is outside, expected a file in the folder of the card")
    return value


def _cell(value: Any) -> Any:
    """What a table's cell holds where YAML reads a number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else "" if value is None else _text(value)


Text = Annotated[str, BeforeValidator(_text)]
Cell = Annotated[str, BeforeValidator(_cell)]
FileName = Annotated[str, BeforeValidator(_inside)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TaskCard(_Strict):
    """One thing to predict."""

    column: Text = ""
    """Of the table; the name of the task when left out."""
    classes: tuple[Cell, ...]
    """Class names in the order of their indices."""

    @model_validator(mode="after")
    def _classes(self) -> Self:
        if len(self.classes) < 2 or "" in self.classes or _repeated(self.classes):
            raise InputError(
                f"classes are {list(self.classes)}, expected two or more different names"
            )
        return self


class ModalityCard(_Strict):
    """Where the features of one modality are."""

    file: FileName = ""
    """``.npy``, ``.npz`` or ``.safetensors``."""
    columns: Text | tuple[Text, ...] = ()
    """Columns of the table: their names, or what their names begin with."""
    width: int | None = Field(default=None, ge=1)
    """What the width must be; left out, any."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.file) == bool(self.columns):
            raise InputError("expected one of the keys 'file' and 'columns'")
        if self.file and not self.file.endswith(FEATURE_FILES):
            raise InputError(f"'{self.file}' is no {', '.join(FEATURE_FILES)} file")
        return self


class Card(_Strict):
    """All keys of ``data.yaml``."""

    name: Text
    description: Text = ""
    licence: Text = ""
    source: Text = ""
    notes: tuple[Text, ...] = ()
    table: FileName = ""
    """A file, or ``utterances.csv`` and the like, whichever is there, when left out."""
    columns: dict[str, Text] = {}
    """What a column means to the name it has, such as ``text`` to ``Utterance``; ``speaker`` to
    ``none`` where nobody is named."""
    turns: tuple[Text, ...] = ()
    """Columns that are the turns of a conversation in order, where each row is one."""
    no_label: tuple[Cell, ...] = ()
    """Cells that mean no label, besides the empty one."""
    classes: tuple[Cell, ...] = ()
    """Short for one task named ``label`` in the column ``label``."""
    tasks: dict[str, TaskCard] = {}
    modalities: dict[str, ModalityCard] = {}
    folds: Annotated[str | None, BeforeValidator(fold_scheme)] = None
    """A number of folds, or the column by which conversations are grouped into them."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not _NAME.fullmatch(self.name):
            raise InputError(
                f"name is '{self.name}', expected lower-case letters, digits, '_', '-' and '.'"
            )
        if bool(self.classes) == bool(self.tasks):
            raise InputError("expected one of the keys 'classes' and 'tasks'")
        for meaning in self.columns:
            if meaning not in SYNONYMS:
                raise unknown("meaning of a column", meaning, SYNONYMS, "columns")
        for name in self.modalities:
            if not _MODALITY.fullmatch(name):
                raise InputError(f"modality '{name}': expected letters, digits, '_' and '-'")
        return self

    def all_tasks(self) -> dict[str, Task]:
        """The tasks by name, with their columns."""
        if self.classes:
            return {DEFAULT_TASK: Task(DEFAULT_TASK, self.classes)}
        return {name: Task(card.column or name, card.classes) for name, card in self.tasks.items()}


def read_card(path: Path) -> Card:
    """The card at ``path``.

    Raises:
        InputError: one line with the key, what was expected and the nearest valid key.
    """
    values = load_yaml(path)
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected the keys name, classes or tasks, and modalities")
    if "name" not in values:
        raise InputError(f"{path} has no key 'name': expected a short name in lower case")
    if "classes" in values:
        _of(TaskCard, {"classes": values["classes"]}, str(path))
    nested = {
        "tasks": _each(values, "tasks", TaskCard, path),
        "modalities": _each(values, "modalities", ModalityCard, path),
    }
    card = validated(Card, {**values, **nested}, str(path))
    for name, task in card.all_tasks().items():
        if task.column in RESERVED:
            raise InputError(
                f"{path}, tasks.{name}: column '{task.column}' has a meaning of its own, "
                "expected another"
            )
    return card


def load_yaml(path: Path) -> Any:
    """Plain values from a YAML file; a key that is given twice is an error.

    Raises:
        InputError: with the line of the first mistake.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise InputError(f"{path}: not valid YAML in UTF-8: {problem}") from None
    return parse_yaml(text, str(path))


def _each(
    values: Mapping[str, Any], key: str, model: type[ModelT], path: Path
) -> dict[str, ModelT]:
    settings = values.get(key, {})
    if not isinstance(settings, dict) or not all(isinstance(name, str) for name in settings):
        raise InputError(f"{path}, {key}: is {settings!r:.60}, expected names with their settings")
    return {name: _of(model, value, f"{path}, {key}.{name}") for name, value in settings.items()}


def _of(model: type[ModelT], value: Any, where: str) -> ModelT:
    if not isinstance(value, dict):
        expected = ", ".join(model.model_fields)
        raise InputError(f"{where}: is {value!r:.60}, expected the keys {expected}")
    return validated(model, value, where)


def _repeated(names: list[str] | tuple[str, ...]) -> list[str]:
    return [name for number, name in enumerate(names) if name in names[:number]]
