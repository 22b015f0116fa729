"""The contract of formats, on one of each kind of file."""

from pathlib import Path

from sslcl.data.formats.own.open_format import OpenFormat
from sslcl.data.formats.pickles.iemocap_tuple import IemocapTuple
from sslcl.data.formats.pickles.mmsa import Mmsa
from sslcl.testing.formats import FormatContract

from ..writers import iemocap_tuple, made_up, mmsa, open_format


class TestOpenFormat(FormatContract):
    layout = OpenFormat()

    def write(self, folder: Path) -> None:
        open_format.write_open(folder)


class TestIemocapTuple(FormatContract):
    layout = IemocapTuple()

    def write(self, folder: Path) -> None:
        made_up.write(folder / "a.pkl", tuple(iemocap_tuple.content(made_up.iemocap())))


class TestMmsa(FormatContract):
    layout = Mmsa()

    def write(self, folder: Path) -> None:
        mmsa.write(folder / "a.pkl", mmsa.content())
