"""Whether texts are those of a published corpus, told by the hashes of a few of them."""

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_LEAST_WORDS = 6
_SAMPLED = 32
"""One in this many long texts, chosen by its hash, is on record."""
_ENOUGH = 3
_HASHES = Path(__file__).parent / "hashes"
_WORD = re.compile(r"[a-z0-9]+")


@cache
def recorded_corpora() -> tuple[str, ...]:
    """The corpora of which there are hashes."""
    return tuple(sorted(path.stem for path in _HASHES.glob("*.txt")))


def corpus_of_texts(texts: Iterable[str], among: Iterable[str] | None = None) -> str | None:
    """The published corpus whose texts these are, or nothing; see :func:`are_texts_of`.

    Args:
        texts: of utterances.
        among: names of corpora to look at; all that have hashes when left out.
    """
    here = sampled_hashes(texts)
    names = recorded_corpora() if among is None else among
    return next((name for name in names if _agree(here, name)), None)


def are_texts_of(corpus: str, texts: Iterable[str]) -> bool:
    """Whether at least half of the texts that would be on record are on that of ``corpus``.

    Args:
        corpus: name of a record that has hashes beside this module.
        texts: of utterances; those of fewer than six words tell nothing.
    """
    return _agree(sampled_hashes(texts), corpus)


def _agree(here: frozenset[str], corpus: str) -> bool:
    known = here & _recorded(corpus)
    return len(known) >= _ENOUGH and len(known) >= len(here) / 2


def sampled_hashes(texts: Iterable[str]) -> frozenset[str]:
    """Ten digits of the SHA-256 of each text's words, of the texts that the sample takes."""
    hashes = set()
    for text in texts:
        words = _WORD.findall(text.lower())
        if len(words) >= _LEAST_WORDS:
            digest = hashlib.sha256(" ".join(words).encode())
            if digest.digest()[-1] % _SAMPLED == 0:
                hashes.add(digest.hexdigest()[:10])
    return frozenset(hashes)


def folder_name(path: Path) -> str:
    """A name for a corpus that only its place names: that of the folder, in lower case."""
    folder = path.resolve()
    name = (folder if folder.is_dir() else folder.parent).name.lower()
    return re.sub(r"[^a-z0-9]+", "_", name).strip("_") or "own_data"


@cache
def _recorded(corpus: str) -> frozenset[str]:
    return frozenset((_HASHES / f"{corpus}.txt").read_text(encoding="ascii").split())
