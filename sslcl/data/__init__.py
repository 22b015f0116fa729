"""Datasets by name, each with three conversation-disjoint splits and a fingerprint."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sslcl.config import Scalar, first_problem
from sslcl.data.types import Conversation, Dataset
from sslcl.errors import InputError, did_you_mean
from sslcl.registry import Registry


class NoOptions(BaseModel):
    """Options of a dataset that has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatasetSource(ABC):
    """The contract of every entry in the catalog: how to obtain one dataset.

    Args:
        data_dir: the folder that holds the datasets' own folders, or ``None``.
    """

    name: ClassVar[str]
    Options: ClassVar[type[BaseModel]] = NoOptions
    summary: ClassVar[str]
    """One line for ``python -m sslcl.data list``."""

    @abstractmethod
    def load(self, options: BaseModel, data_dir: Path | None) -> Dataset:
        """Read or generate the dataset.

        Raises:
            InputError: one line saying which file is missing or what in it is wrong.
        """


CATALOG: Registry[DatasetSource] = Registry("dataset", "sslcl.data", DatasetSource)  # type: ignore[type-abstract]


def load_dataset(
    name: str, options: Mapping[str, Scalar] | None = None, data_dir: Path | None = None
) -> Dataset:
    """Load the dataset called ``name`` and check what every dataset promises.

    Args:
        name: a name in :data:`CATALOG`.
        options: the dataset's own options.
        data_dir: the folder that holds the datasets' folders; ``SSLCL_DATA`` when left out.

    Raises:
        InputError: for an unknown name or option, or files that do not hold what they should.
    """
    raise NotImplementedError


__all__ = [
    "CATALOG",
    "Conversation",
    "Dataset",
    "DatasetSource",
    "InputError",
    "Iterable",
    "ValidationError",
    "did_you_mean",
    "first_problem",
    "hashlib",
    "load_dataset",
]
