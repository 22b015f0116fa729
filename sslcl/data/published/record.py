"""What is known of a published corpus: one record for catalog, downloads and size notes."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sslcl.data.corpus import SPLITS

Counts = tuple[int, ...]


@dataclass(frozen=True)
class RemoteFile:
    """One file at a pinned commit.

    Args:
        path: below the folder of the corpus, here as there.
        size: in bytes.
        sha256: of its content, hexadecimal.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Sizes:
    """The usual sizes of a corpus.

    Args:
        conversations: by split.
        utterances: by split.
        classes: by task, in the order of ``counts``.
        counts: by task, utterances of each class in train, validation and test.
    """

    conversations: Mapping[str, int]
    utterances: Mapping[str, int]
    classes: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, tuple[Counts, Counts, Counts]]

    def counts_by_split(self, task: str) -> dict[str, Counts]:
        """Utterances of each class of ``task``, by split."""
        return dict(zip(SPLITS, self.counts[task], strict=True))


@dataclass(frozen=True)
class CorpusRecord:
    """A published corpus.

    Args:
        name: of the dataset, and of its folder under the data folder.
        title: what it is and whose, for descriptions.
        summary: one line for the list of datasets.
        licence: as its publisher states it.
        files: what can be downloaded and checked; empty where a person must ask or click.
        root: repository, commit and folder of ``files`` on GitHub.
        ask: where to get what cannot be downloaded.
        sizes: those of the usual files, where they are known.
        own_reader: whether a module of :mod:`sslcl.data.datasets` reads it instead of a format.
    """

    name: str
    title: str
    summary: str
    licence: str
    files: tuple[RemoteFile, ...] = ()
    root: str = ""
    ask: str = ""
    sizes: Sizes | None = None
    own_reader: bool = False


def by_split(train: int, validation: int, test: int) -> Mapping[str, int]:
    """The three numbers by the name of their split."""
    return MappingProxyType(dict(zip(SPLITS, (train, validation, test), strict=True)))
