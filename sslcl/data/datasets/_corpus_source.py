"""Datasets that are read from files into a corpus first."""

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from sslcl.command import DATA_DIR_VARIABLE
from sslcl.data.corpus import Corpus, dataset_of, with_validation
from sslcl.data.datasets import DatasetSource
from sslcl.data.features.text import encoder_files, with_text
from sslcl.data.features.text_encoders import DEFAULT_ENCODER
from sslcl.data.formats import recognise
from sslcl.data.reading.path_contents import PathContents
from sslcl.data.types import Dataset
from sslcl.errors import InputError


class CorpusOptions(BaseModel):
    """What can be chosen of any corpus."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str = ""
    """What is predicted, such as ``emotion`` or ``sentiment``; the corpus's first when empty."""
    encoder: str = DEFAULT_ENCODER
    """Frozen encoder of the text where the corpus brings no text features: a model's name or
    folder, or ``none``."""


class CorpusSource(DatasetSource):
    """A dataset whose files are recognised by content."""

    Options = CorpusOptions

    @abstractmethod
    def path(self, options: CorpusOptions, data_dir: Path | None) -> Path:
        """The file or folder that holds it.

        Raises:
            InputError: when there is none.
        """

    def corpus(self, options: CorpusOptions, data_dir: Path | None) -> Corpus:
        """Everything that the files hold, with a validation split and features of the text."""
        found = recognise(self.path(options, data_dir))
        return with_text(with_validation(found), options.encoder)

    def files(self, options: BaseModel, data_dir: Path | None) -> tuple[Path, ...]:
        """The files of the corpus, and those of the encoder where it is a folder."""
        chosen = self.Options.model_validate(options)
        own = PathContents(self.path(chosen, data_dir)).files
        return (*own, *encoder_files(chosen.encoder))

    def load(self, options: BaseModel, data_dir: Path | None) -> Dataset:
        """Read the corpus as a dataset for the chosen task."""
        chosen = self.Options.model_validate(options)
        return dataset_of(self.corpus(chosen, data_dir), chosen.task)


class NamedCorpus(CorpusSource):
    """A published corpus in a folder of its own name under the data folder."""

    corpus_name: ClassVar[str] = ""
    """The name that the format must find; the dataset's own when empty."""

    def path(self, options: CorpusOptions, data_dir: Path | None) -> Path:
        """``data_dir / name``."""
        del options
        how = f"give the folder that holds '{self.name}' with --data-dir or {DATA_DIR_VARIABLE}"
        if data_dir is None:
            raise InputError(f"dataset '{self.name}' is read from files: {how}")
        folder = data_dir / self.name
        if not folder.is_dir():
            raise InputError(f"dataset '{self.name}': there is no folder {folder}: {how}")
        return folder

    def corpus(self, options: CorpusOptions, data_dir: Path | None) -> Corpus:
        """The corpus, which must be the one of this name."""
        found = super().corpus(options, data_dir)
        if found.name != (self.corpus_name or self.name):
            folder = self.path(options, data_dir)
            raise InputError(f"{folder} holds the corpus '{found.name}', expected '{self.name}'")
        return found
