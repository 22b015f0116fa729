"""Where each published corpus is to be had, and under which licence its publisher puts it."""

from dataclasses import dataclass

MMSA = (
    "the drive folder 1A2S4pqCHryGmiqnNSPLv7rEg63WvjCSk, linked at https://github.com/thuiar/MMSA"
)


@dataclass(frozen=True)
class RemoteFile:
    """One file at a pinned commit.

    Args:
        path: below the folder of the corpus, here as there.
        size: in bytes.
        sha256: of its content, hexadecimal.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Source:
    """How to obtain a corpus.

    Args:
        licence: as its publisher states it.
        files: what can be downloaded and checked; empty where a person must ask or click.
        root: repository, commit and folder of ``files`` on GitHub.
        ask: where to get what cannot be downloaded.
    """

    licence: str
    files: tuple[RemoteFile, ...] = ()
    root: str = ""
    ask: str = ""


SOURCES = {
    "mosi": Source(
        licence="none stated: do not pass it on",
        root=(
            "soujanyaporia/contextual-utterance-level-multimodal-sentiment-analysis/"
            "f1199e608b42f13878f724d82b6b2adaed8f42fe/data"
        ),
        files=(
            RemoteFile(
                "text_test.csv",
                889_325,
                "f3b735070bf07ceff7a6ef6c8f4c32757e988de484e35bd6d38b2aecef851a59",
            ),
            RemoteFile(
                "text_train.csv",
                1_689_050,
                "73770b6302ad0f7a51f4eddcae6788efde4d0b6802e09f78249d5b538d1c1d67",
            ),
            RemoteFile(
                "transcripts.csv",
                201_361,
                "e7689e6d70720addd2a6b316419d245a68839c32b014ff426c406063ee777466",
            ),
            RemoteFile(
                "audio/audio_test0.csv",
                699_228,
                "ddd17eeefd3d951d51d4e2ef8a0d132652d8161e1886f71eb7262b7a14bffff6",
            ),
            RemoteFile(
                "audio/audio_train0.csv",
                1_343_911,
                "5435398a54664e7b00304587dc59ae84a438852be033c2a2fba779588624a2a1",
            ),
            RemoteFile(
                "text/text_test0.csv",
                1_551_145,
                "a343e22272919d1384c2075dbcdd5fef5aa9f9366b0552a83f7c3147b64b047a",
            ),
            RemoteFile(
                "text/text_train0.csv",
                2_993_906,
                "cc327045db6cc361a08b4037b97bb24de4ddb5efb381468c4835cc4a60674668",
            ),
            RemoteFile(
                "video/video_test0.csv",
                557_378,
                "cab836253d81100f59d533fa2ff65cd53c486be3ec9fd82203c5e25a7a77265f",
            ),
            RemoteFile(
                "video/video_train0.csv",
                1_055_454,
                "b6efc0413132d627efd06f67f1706830e775e90af9a75696f535c48dbc73f12f",
            ),
        ),
    ),
    "meld": Source(
        licence="GPL-3.0",
        root="declare-lab/MELD/2d2011b409d3ca2d7e94460cd007d434b1d0a102/data/MELD",
        files=(
            RemoteFile(
                "dev_sent_emo.csv",
                121_640,
                "2e89c6f8aa182d6f62f8c6331aece905ac7273ca4999660bfb5213e1d0370c1c",
            ),
            RemoteFile(
                "test_sent_emo.csv",
                294_526,
                "8d37103938f7067600839fe29d5a114a6cd1bcdafb75bec101e06464c5006888",
            ),
            RemoteFile(
                "train_sent_emo.csv",
                1_119_290,
                "d2fa2d6529cf03cac2989efec05c9b27d8fd2f4c8fc5974c7ae88aa537fa02db",
            ),
        ),
    ),
    "iemocap": Source(
        licence="research agreement",
        ask="https://sail.usc.edu/iemocap/, and for features the authors of a model that uses them",
    ),
    "emorynlp": Source(
        licence="Apache-2.0 (text), none stated (clips)",
        ask="the folder data/emorynlp (CSV) of https://github.com/declare-lab/MELD",
    ),
    "dailydialog": Source(
        licence="CC BY-NC-SA 4.0",
        ask="http://yanran.li/dailydialog",
    ),
    "mosi_mmsa": Source(licence="none stated (features), MIT (MMSA)", ask=MMSA),
    "mosei": Source(licence="none stated (features), MIT (MMSA)", ask=MMSA),
    "sims": Source(licence="none stated (features), MIT (MMSA)", ask=MMSA),
    "mintrec": Source(
        licence="MIT",
        ask=(
            "the drive folder 18iLqmUYDDOwIiiRbgwLpzw76BD62PK0p, linked at "
            "https://github.com/thuiar/MIntRec"
        ),
    ),
    "mintrec2": Source(
        licence="CC BY-NC-SA 4.0",
        ask=(
            "the drive file 1W-z8kMOA1TaB3pE4rk4ZpkBQLvODMQ_Y, linked at "
            "https://github.com/thuiar/MIntRec2.0"
        ),
    ),
}
"""By the name of the folder under the data folder."""
