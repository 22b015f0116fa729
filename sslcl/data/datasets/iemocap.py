"""IEMOCAP: dialogues between two actors, six or four emotions."""

from sslcl.data.datasets._corpus_source import NamedCorpus


class Iemocap(NamedCorpus):
    """151 dialogues of two speakers, as published features; the corpus itself is on request."""

    name = "iemocap"
    summary = "IEMOCAP, 151 acted dialogues, 6 or 4 emotions (real, on request)"
