"""What a plan reads of the data: its fingerprint and its modalities, never its content."""

from dataclasses import dataclass

from sslcl.config import TrialConfig
from sslcl.data.types import Dataset
from sslcl.identity import trial_identity


@dataclass(frozen=True)
class DataFacts:
    """The facts about a dataset that decide which trials a study needs.

    Args:
        fingerprint: SHA-256 of the data.
        modalities: their names, in the dataset's order; the design ``leave_one_out`` needs them.
        folds: their names, in order; none where the corpus's own splits are used.
        widths: of the modalities' features; ``resources.fuse`` needs them when it is ``auto``, and
            the utterances too.
        utterances: of a training conversation, on average.
    """

    fingerprint: str
    modalities: tuple[str, ...] = ()
    folds: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    utterances: float = 0.0

    @classmethod
    def of(cls, dataset: Dataset) -> "DataFacts":
        """The facts about ``dataset``."""
        folds = tuple(fold.name for fold in dataset.folds)
        lengths = [len(conversation) for conversation in dataset.train]
        return cls(
            dataset.fingerprint,
            tuple(dataset.modalities),
            folds,
            tuple(dataset.modalities.values()),
            sum(lengths) / max(len(lengths), 1),
        )

    def identify(self, config: TrialConfig) -> str:
        """The content hash of the trial of ``config`` on this data."""
        return trial_identity(config, self.fingerprint)
