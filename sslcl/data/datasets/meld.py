"""MELD: multi-party television dialogue, seven emotions or three sentiments."""

from sslcl.data.datasets._corpus_source import NamedCorpus


class Meld(NamedCorpus):
    """1,432 dialogues of up to nine speakers; its CSV files, or published features."""

    name = "meld"
    summary = "MELD, 1,432 television dialogues, 7 emotions or 3 sentiments (real)"
