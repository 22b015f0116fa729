"""MIntRec2.0: thirty intents in dialogues."""

from sslcl.data.datasets._corpus_source import NamedCorpus


class MIntRec2Corpus(NamedCorpus):
    """1,245 dialogues of three television series; text, audio and video."""

    name = "mintrec2"
    summary = "MIntRec2.0, 1,245 television dialogues, 30 intents, text, audio and video (real)"
