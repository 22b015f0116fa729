"""CMU-MOSI, as the files released with Poria et al. (ACL 2017)."""

from sslcl.data.published.record import CorpusRecord, RemoteFile

RECORD = CorpusRecord(
    name="mosi",
    title="CMU-MOSI (Zadeh et al., 2016), film reviews, features of Poria et al. (ACL 2017)",
    summary="CMU-MOSI, 93 video monologues, binary sentiment, text, audio and video (real)",
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
    own_reader=True,
)
