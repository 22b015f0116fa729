"""CMU-MOSI as MMSA packs it."""

from sslcl.data.datasets._corpus_source import NamedCorpus


class MosiMmsa(NamedCorpus):
    """Film reviews, a video each; text, audio and video features, three or two sentiments."""

    name = "mosi_mmsa"
    summary = "CMU-MOSI in the MMSA pickle, 3 or 2 sentiments, text, audio and video (real)"
