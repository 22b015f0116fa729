"""Features of a corpus's text by a frozen encoder."""

from dataclasses import replace
from pathlib import Path

from sslcl.data.corpus import Corpus
from sslcl.data.features.text_cache import encode_texts
from sslcl.data.features.text_encoders import find_encoder
from sslcl.data.features.unknown_tokens import unknown_note
from sslcl.data.reading.path_contents import PathContents
from sslcl.errors import InputError

NO_ENCODER = "none"


def encoder_files(encoder: str) -> tuple[Path, ...]:
    """The files of an encoder that is a folder; a change in one changes the features."""
    folder = Path(encoder)
    return PathContents(folder).files if folder.is_dir() else ()


def with_text(corpus: Corpus, encoder: str) -> Corpus:
    """The corpus with a modality ``text``, encoded where it brings none and has the words.

    A note tells where the encoder does not know the words.

    Args:
        corpus: with or without a column ``text``.
        encoder: see :func:`sslcl.data.features.text_cache.encode_texts`; ``none`` leaves the
            corpus as it is.
    """
    if "text" in corpus.features or "text" not in corpus.table or encoder == NO_ENCODER:
        return corpus
    texts = corpus.table["text"].fillna("").astype(str).tolist()
    note = unknown_note(texts, find_encoder(encoder))
    return replace(
        corpus,
        features={"text": encode_texts(texts, encoder), **corpus.features},
        notes=(*corpus.notes, *((note,) if note else ())),
    )


def unknown_words(corpus: Corpus, encoder: str) -> str | None:
    """A note where the encoder does not know the words of a corpus that it would encode.

    Nothing is said where the encoder is not installed, or the corpus brings features of its text.
    """
    if "text" in corpus.features or "text" not in corpus.table:
        return None
    try:
        return unknown_note(
            corpus.table["text"].fillna("").astype(str).tolist(), find_encoder(encoder)
        )
    except InputError:
        return None
