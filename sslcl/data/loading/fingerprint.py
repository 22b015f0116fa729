"""The identity of a dataset's content."""

import hashlib

import torch
from torch import Tensor

from sslcl.data.loading.checks import splits_of
from sslcl.data.types import Conversation, Dataset

_LITTLE_ENDIAN = {torch.float32: "<f4", torch.int64: "<i8"}


def fingerprint(dataset: Dataset) -> str:
    """SHA-256 of everything that training or evaluation can read, 64 hexadecimal digits.

    Covers, in order: the label names, modality names and widths, and for each split its name and
    each conversation's id, utterance ids, speakers, labels and features. Every part is preceded
    by its length, so that no two datasets have the same bytes. Names, descriptions and facts are
    no part of it.
    """
    digest = hashlib.sha256()
    _add_texts(digest, dataset.label_names)
    _add_texts(digest, tuple(f"{name}={width}" for name, width in dataset.modalities.items()))
    _add_texts(digest, (str(dataset.speakers),))
    for name, split in splits_of(dataset):
        _add_texts(digest, (name, str(len(split))))
        for conversation in split:
            _add_conversation(digest, conversation, tuple(dataset.modalities))
    return digest.hexdigest()


def _add_conversation(
    digest: "hashlib._Hash", conversation: Conversation, modalities: tuple[str, ...]
) -> None:
    _add_texts(digest, (conversation.id, *conversation.utterance_ids))
    _add_tensor(digest, conversation.speakers)
    _add_tensor(digest, conversation.labels)
    for name in modalities:
        _add_tensor(digest, conversation.features[name])


def _add_texts(digest: "hashlib._Hash", texts: tuple[str, ...]) -> None:
    digest.update(len(texts).to_bytes(8, "little"))
    for text in texts:
        content = text.encode()
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)


def _add_tensor(digest: "hashlib._Hash", tensor: Tensor) -> None:
    _add_texts(digest, tuple(str(size) for size in tensor.shape))
    digest.update(tensor.numpy().astype(_LITTLE_ENDIAN[tensor.dtype], copy=False).tobytes())
