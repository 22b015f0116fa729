"""MIntRec: twenty intents, or goal against emotion."""

from sslcl.data.datasets._corpus_source import NamedCorpus


class MIntRecCorpus(NamedCorpus):
    """2,224 single utterances of a television series; text, audio and video."""

    name = "mintrec"
    summary = "MIntRec, 2,224 single utterances, 20 intents, text, audio and video (real)"
