"""Features of a corpus's text by a frozen encoder."""

from dataclasses import replace

from sslcl.data.corpus import Corpus
from sslcl.data.features.text_cache import encode_texts

NO_ENCODER = "none"


def with_text(corpus: Corpus, encoder: str) -> Corpus:
    """The corpus with a modality ``text``, encoded where it brings none and has the words.

    Args:
        corpus: with or without a column ``text``.
        encoder: see :func:`sslcl.data.features.text_cache.encode_texts`; ``none`` leaves the
            corpus as it is.
    """
    if "text" in corpus.features or "text" not in corpus.table or encoder == NO_ENCODER:
        return corpus
    texts = corpus.table["text"].fillna("").astype(str).tolist()
    return replace(corpus, features={"text": encode_texts(texts, encoder), **corpus.features})
