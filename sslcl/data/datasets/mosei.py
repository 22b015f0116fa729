"""CMU-MOSEI as MMSA packs it."""

from sslcl.data.datasets._corpus_source import NamedCorpus


class Mosei(NamedCorpus):
    """Opinions on video, a video each; text, audio and video features, three or two sentiments."""

    name = "mosei"
    summary = "CMU-MOSEI in the MMSA pickle, 3 or 2 sentiments, text, audio and video (real)"
