"""Whether a frozen text encoder knows the words that it is given."""

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

from sslcl.data.features.text_encoders import Encoder

MOST_UNKNOWN = 0.1
"""Share of unknown tokens above which the features of a text say little of it."""
PREFIX = "text encoder: "
"""What the note begins with, so that a run can show it."""
MULTILINGUAL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
_SAMPLE = 2000


def unknown_share(texts: Sequence[str], encoder: Encoder) -> float | None:
    """Unknown tokens over all tokens of up to 2,000 of the texts, spread evenly.

    Returns:
        The share, ``None`` where the encoder's tokenizer cannot be asked or there are no tokens.
    """
    file = next(iter(sorted(encoder.folder.rglob("tokenizer.json"))), None)
    if file is None or importlib.util.find_spec("tokenizers") is None:
        return None
    spoken = [text for text in texts if text.strip()]
    sample = spoken[:: max(1, len(spoken) // _SAMPLE)]
    return _share(sample, file)


def unknown_note(texts: Sequence[str], encoder: Encoder) -> str | None:
    """A note where more than :data:`MOST_UNKNOWN` of the tokens are unknown to the encoder."""
    share = unknown_share(texts, encoder)
    if share is None or share <= MOST_UNKNOWN:
        return None
    return (
        f"{PREFIX}{share:.0%} of the tokens are unknown to '{encoder.name}', so that different "
        f"texts look alike: set dataset_options.encoder to a multilingual one, such as "
        f"'{MULTILINGUAL}' or a folder that holds it (docs/data-formats.md, Text)"
    )


def _share(texts: Sequence[str], file: Path) -> float | None:
    from tokenizers import Tokenizer

    try:
        content = json.loads(file.read_text(encoding="utf-8"))["model"]
        tokenizer = Tokenizer.from_file(str(file))
    except Exception:  # What the encoder itself cannot read is told when it is loaded.
        return None
    unknown = content.get("unk_id")
    if unknown is None and content.get("unk_token"):
        unknown = tokenizer.token_to_id(content["unk_token"])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
    total = sum(len(one.ids) for one in encoded)
    return sum(one.ids.count(unknown) for one in encoded) / total if total else None
