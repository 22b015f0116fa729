"""Datasets by name, each with three conversation-disjoint splits and a fingerprint."""

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from sslcl.command import DATA_DIR_VARIABLE
from sslcl.data.loading.checks import check_dataset
from sslcl.data.loading.fingerprint import fingerprint
from sslcl.data.loading.prepared import prepared
from sslcl.data.types import Dataset
from sslcl.registry import Registry
from sslcl.validation import NoOptions, Scalar, validated


class DatasetSource(ABC):
    """The contract of every entry in the catalog: how to obtain one dataset.

    A source leaves the fingerprint empty; :func:`load_dataset` fills it in, and checks what every
    dataset promises, so that no source has to.
    """

    name: ClassVar[str]
    Options: ClassVar[type[BaseModel]] = NoOptions
    summary: ClassVar[str]
    """One line for ``python -m sslcl.data list``."""
    locations: ClassVar[frozenset[str]] = frozenset()
    """Options that say where the data is and not what: no part of a trial's identity."""

    @abstractmethod
    def load(self, options: BaseModel, data_dir: Path | None) -> Dataset:
        """Read or generate the dataset.

        Args:
            options: a validated instance of :attr:`Options`.
            data_dir: the folder that holds the datasets' own folders, or ``None``.

        Raises:
            InputError: one line saying which file is missing or what in it is wrong.
        """

    def files(self, options: BaseModel, data_dir: Path | None) -> Sequence[Path] | None:
        """Everything that :meth:`load` reads; ``None`` where it generates.

        With files, the loaded dataset is prepared once and memory-mapped afterwards.

        Raises:
            InputError: when they are not there.
        """
        del options, data_dir
        return None

    def measure(self, dataset: Dataset, options: BaseModel) -> Mapping[str, float]:
        """Facts that take too long to compute at every load, such as a known ceiling.

        Args:
            dataset: what :meth:`load` gave for the same ``options``.
            options: a validated instance of :attr:`Options`.
        """
        del dataset, options
        return {}

    @classmethod
    def check_options(cls, values: Mapping[str, Scalar]) -> BaseModel:
        """Validate the dataset's own options.

        Raises:
            InputError: when an option is unknown or its value does not fit.
        """
        return validated(cls.Options, values, f"dataset_options of '{cls.name}'")


CATALOG: Registry[DatasetSource] = Registry("dataset", "sslcl.data.datasets", DatasetSource)  # type: ignore[type-abstract]


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
    source = CATALOG.get(name)
    checked = source.check_options(options or {})
    if data_dir is None and os.environ.get(DATA_DIR_VARIABLE):
        data_dir = Path(os.environ[DATA_DIR_VARIABLE])
    files = source().files(checked, data_dir)

    def load() -> Dataset:
        dataset = source().load(checked, data_dir)
        check_dataset(dataset)
        return replace(dataset, fingerprint=fingerprint(dataset))

    return load() if files is None else prepared(name, checked, files, load)


def measured_facts(
    dataset: Dataset, options: Mapping[str, Scalar] | None = None, name: str = ""
) -> dict[str, float]:
    """The dataset's facts, with those that are too slow to compute at every load.

    Args:
        dataset: from :func:`load_dataset`.
        options: the options that it was loaded with.
        name: the catalog's name where the dataset calls itself otherwise, as one read from a path.
    """
    source = CATALOG.get(name or dataset.name)
    return {**dataset.facts, **source().measure(dataset, source.check_options(options or {}))}
