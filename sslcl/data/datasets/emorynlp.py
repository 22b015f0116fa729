"""EmoryNLP: multi-party television dialogue, seven emotions or three sentiments."""

from sslcl.data.datasets._corpus_source import NamedCorpus


class EmoryNlp(NamedCorpus):
    """827 scenes of several speakers; its CSV files, or published features."""

    name = "emorynlp"
    summary = "EmoryNLP, 827 television scenes, 7 emotions or 3 sentiments (real)"
