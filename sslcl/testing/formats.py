"""What every data format promises: inherit :class:`FormatContract` in a test module."""

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sslcl.data.corpus import dataset_of, with_validation
from sslcl.data.formats import Format
from sslcl.data.loading.checks import check_dataset
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError


class FormatContract(ABC):
    """Tests of one format, over files that the subclass writes.

    Example:
        >>> class TestMine(FormatContract):  # doctest: +SKIP
        ...     layout = Mine()
        ...
        ...     def write(self, folder: Path) -> None:
        ...         (folder / "mine.csv").write_text(...)
    """

    layout: Format
    """The format under test."""

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Fill an empty folder with a small corpus: a training and a test split, no encoder."""

    @pytest.fixture
    def contents(self, tmp_path: Path) -> PathContents:
        """What :meth:`write` has written."""
        folder = tmp_path / "corpus"
        folder.mkdir()
        self.write(folder)
        return PathContents(folder)

    def test_its_own_files_are_claimed(self, contents: PathContents) -> None:
        """At least one file, and only files that are there."""
        claimed = self.layout.claims(contents)
        assert claimed
        assert claimed <= set(contents.files)

    def test_other_files_are_not_claimed(self, tmp_path: Path) -> None:
        """Nor do they raise."""
        for name in ("x.csv", "x.tsv", "x.json", "x.txt"):
            (tmp_path / name).write_text("a,b\n1,2\n")
        assert self.layout.claims(PathContents(tmp_path)) == frozenset()

    def test_reading_twice_gives_the_same(self, contents: PathContents) -> None:
        """Nothing depends on the run."""
        one = self.layout.read(contents)
        other = self.layout.read(PathContents(contents.path))
        pd.testing.assert_frame_equal(one.table, other.table)
        assert list(one.features) == list(other.features)
        for name, values in one.features.items():
            np.testing.assert_array_equal(values, other.features[name])

    def test_every_task_is_a_sound_dataset(self, contents: PathContents) -> None:
        """Of the shapes and splits that training relies on, texts being given a plain feature."""
        corpus = with_validation(self.layout.read(contents))
        if not corpus.features:
            lengths = np.asarray(corpus.table["text"].str.len(), dtype=np.float32)
            corpus = replace(corpus, features={"text": lengths[:, None]})
        for task in corpus.tasks:
            check_dataset(dataset_of(corpus, task))

    def test_a_file_cut_short_is_one_line(self, contents: PathContents) -> None:
        """Reading a damaged file, where it is still claimed, raises no other error."""
        for file in self.layout.claims(contents):
            whole = file.read_bytes()
            file.write_bytes(whole[: len(whole) // 2])
            assert "\n" not in self._problem(PathContents(contents.path))
            file.write_bytes(whole)

    def _problem(self, contents: PathContents) -> str:
        try:
            if self.layout.claims(contents):
                self.layout.read(contents)
        except InputError as error:
            return str(error)
        return ""
