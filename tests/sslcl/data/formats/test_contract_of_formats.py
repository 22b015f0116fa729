"""The contract of formats, on one of each kind of file."""

from pathlib import Path

from sslcl.data.formats.own.hugging_face import HuggingFace
from sslcl.data.formats.own.open_format import OpenFormat
from sslcl.data.formats.pickles.gcnet import GcNet
from sslcl.data.formats.pickles.gcnet_scores import GcNetScores
from sslcl.data.formats.pickles.iemocap_tuple import IemocapTuple
from sslcl.data.formats.pickles.mmsa import Mmsa
from sslcl.data.formats.tables.poria_mosi import PoriaMosi
from sslcl.data.formats.texts.compm_text import CompmText
from sslcl.data.formats.texts.dailydialog_text import DailyDialogText
from sslcl.data.formats.texts.dialogue_json import DialogueJson
from sslcl.data.formats.texts.emorynlp_json import EmoryNlpJson
from sslcl.data.formats.texts.m3ed_json import M3edJson
from sslcl.testing.formats import FormatContract

from ..writers import dialogues, gcnet, hub, iemocap_tuple, made_up, mmsa, open_format, poria_mosi


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


class TestPoriaMosi(FormatContract):
    layout = PoriaMosi()

    def write(self, folder: Path) -> None:
        poria_mosi.write(folder)


class TestGcNet(FormatContract):
    layout = GcNet()

    def write(self, folder: Path) -> None:
        made_up.write(folder / "a.pkl", gcnet.iemocap([0, 1, 2, 3, 4, 5]))


class TestGcNetScores(FormatContract):
    layout = GcNetScores()

    def write(self, folder: Path) -> None:
        made_up.write(folder / "a.pkl", gcnet.mosi())


class TestCompmText(FormatContract):
    layout = CompmText()

    def write(self, folder: Path) -> None:
        dialogues.write_compm(folder, dialogues.COMPM_MELD)


class TestDialogueJson(FormatContract):
    layout = DialogueJson()

    def write(self, folder: Path) -> None:
        dialogues.write_dialogue_json(folder)


class TestDailyDialogText(FormatContract):
    layout = DailyDialogText()

    def write(self, folder: Path) -> None:
        dialogues.write_dailydialog(folder)


class TestEmoryNlpJson(FormatContract):
    layout = EmoryNlpJson()

    def write(self, folder: Path) -> None:
        dialogues.write_emorynlp_json(folder)


class TestM3edJson(FormatContract):
    layout = M3edJson()

    def write(self, folder: Path) -> None:
        dialogues.write_m3ed(folder)


class TestHuggingFace(FormatContract):
    layout = HuggingFace()

    def write(self, folder: Path) -> None:
        rows = [
            {"dialog": ["Shall I pour?", "Please do."], "emotion": [0, 1]},
            {"dialog": ["You spilt it again!"], "emotion": [1]},
        ]
        features = {
            "dialog": hub.sequence(hub.TEXT),
            "emotion": hub.sequence(hub.labels("calm", "upset")),
        }
        hub.write_parquet(folder, dict.fromkeys(("train", "validation", "test"), rows), features)
