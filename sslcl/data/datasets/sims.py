"""CH-SIMS as MMSA packs it."""

from sslcl.data.datasets._corpus_source import NamedCorpus


class Sims(NamedCorpus):
    """Clips of Chinese films; text, audio and video features, three or two sentiments."""

    name = "sims"
    summary = "CH-SIMS in the MMSA pickle, Chinese, 3 or 2 sentiments, text, audio and video (real)"
