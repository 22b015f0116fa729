"""CMU-MOSI, binary sentiment, from the files released with Poria et al., ACL 2017.

The folder ``mosi`` under the data folder holds what
:mod:`sslcl.data.formats.tables.poria_mosi` reads.
"""

from pathlib import Path

from pydantic import BaseModel

from sslcl.data.datasets import DatasetSource
from sslcl.data.formats.tables.poria_mosi import DESCRIPTION, LABELS, WIDTHS, read_released
from sslcl.data.published.corpora.mosi import RECORD
from sslcl.data.types import Dataset
from sslcl.errors import InputError


class Mosi(DatasetSource):
    """Film reviews by 93 speakers, one video each: text, audio and video features."""

    name = RECORD.name
    summary = RECORD.summary

    def files(self, options: BaseModel, data_dir: Path | None) -> list[Path]:
        """The released files under ``data_dir / 'mosi'``."""
        del options
        return sorted(_folder(data_dir).rglob("*.csv"))

    def load(self, options: BaseModel, data_dir: Path | None) -> Dataset:
        """Read the released files under ``data_dir / 'mosi'``."""
        del options
        released = read_released(_folder(data_dir))
        held_out = released.validation
        return Dataset(
            name=self.name,
            label_names=LABELS,
            modalities=WIDTHS,
            speakers=1,
            train=tuple(c for c in released.train if c.id not in held_out),
            validation=tuple(c for c in released.train if c.id in held_out),
            test=released.test,
            fingerprint="",
            description=DESCRIPTION,
        )


def _folder(data_dir: Path | None) -> Path:
    how = "give the folder that holds 'mosi' with --data-dir or SSLCL_DATA"
    if data_dir is None:
        raise InputError(f"dataset 'mosi' is read from files: {how}")
    folder = data_dir / "mosi"
    if not folder.is_dir():
        raise InputError(f"dataset 'mosi': there is no folder {folder}: {how}")
    return folder
