"""CMU-MOSI, binary sentiment, from the files released with Poria et al., ACL 2017.

The folder ``mosi`` under the data folder holds what
:mod:`sslcl.data.formats.tables.poria_mosi` reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from sslcl.data.datasets import DatasetSource
from sslcl.data.features.text import NO_ENCODER, encoder_files
from sslcl.data.features.text_cache import encode_texts
from sslcl.data.formats.tables.poria_mosi import (
    DESCRIPTION,
    FITTED,
    LABELS,
    WIDTHS,
    Released,
    read_released,
)
from sslcl.data.published.corpora.mosi import RECORD
from sslcl.data.types import Conversation, Dataset
from sslcl.errors import InputError


class Mosi(DatasetSource):
    """Film reviews by 93 speakers, one video each: text, audio and video features."""

    name = RECORD.name
    summary = RECORD.summary

    class Options(BaseModel):
        """What stands for the text."""

        model_config = ConfigDict(frozen=True, extra="forbid")

        encoder: str = NO_ENCODER
        """Frozen encoder of the transcripts, whose features take the place of the released ones
        of text; ``none`` keeps these. The released features of text and video were fitted with the
        training videos' labels, so with an encoder there are no features of video, and no label
        has taught what is left: any video can test."""

    def files(self, options: BaseModel, data_dir: Path | None) -> list[Path]:
        """The released files under ``data_dir / 'mosi'``, and the encoder where it is a folder."""
        return [*sorted(_folder(data_dir).rglob("*.csv")), *encoder_files(_encoder(options))]

    def load(self, options: BaseModel, data_dir: Path | None) -> Dataset:
        """Read the released files under ``data_dir / 'mosi'``."""
        released, encoder = read_released(_folder(data_dir)), _encoder(options)
        widths, held_out = WIDTHS, released.validation
        notes: tuple[str, ...] = (FITTED,)
        if encoder != NO_ENCODER:
            released, notes = _encoded(released, encoder), ()
            widths = {name: int(x.shape[1]) for name, x in released.train[0].features.items()}
        return Dataset(
            name=self.name,
            label_names=LABELS,
            modalities=widths,
            speakers=1,
            train=tuple(c for c in released.train if c.id not in held_out),
            validation=tuple(c for c in released.train if c.id in held_out),
            test=released.test,
            fingerprint="",
            description=DESCRIPTION,
            notes=notes,
        )


def _encoder(options: BaseModel) -> str:
    return Mosi.Options.model_validate(options).encoder


def _encoded(released: Released, encoder: str) -> Released:
    """The release with encoded transcripts as its text, and without features of video."""
    ids = [name for c in (*released.train, *released.test) for name in c.utterance_ids]
    texts = [released.texts[name] for name in ids]
    features = torch.from_numpy(encode_texts(texts, encoder).copy())
    by_id = dict(zip(ids, features, strict=True))
    train, test = (tuple(_with_text(part, by_id)) for part in (released.train, released.test))
    return replace(released, train=train, test=test)


def _with_text(
    split: Sequence[Conversation], text: Mapping[str, torch.Tensor]
) -> Iterator[Conversation]:
    for conversation in split:
        rows = torch.stack([text[name] for name in conversation.utterance_ids])
        yield replace(
            conversation, features={"text": rows, "audio": conversation.features["audio"]}
        )


def _folder(data_dir: Path | None) -> Path:
    how = "give the folder that holds 'mosi' with --data-dir or SSLCL_DATA"
    if data_dir is None:
        raise InputError(f"dataset 'mosi' is read from files: {how}")
    folder = data_dir / "mosi"
    if not folder.is_dir():
        raise InputError(f"dataset 'mosi': there is no folder {folder}: {how}")
    return folder
