"""MELD: multi-party television dialogue, seven emotions or three sentiments."""

from sslcl.data.published.record import CorpusRecord, RemoteFile, Sizes, by_split

MELD = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
MELD_SENTIMENT = ("neutral", "positive", "negative")
MELD_DEVELOPMENT = range(1039, 1153)
"""The official development set, where dialogues are numbered through train, dev and test."""
SIZES = Sizes(
    conversations=by_split(1038, 114, 280),
    utterances=by_split(9989, 1109, 2610),
    classes={"emotion": MELD, "sentiment": MELD_SENTIMENT},
    counts={
        "emotion": (
            (4710, 1205, 268, 683, 1743, 271, 1109),
            (470, 150, 40, 111, 163, 22, 153),
            (1256, 281, 50, 208, 402, 68, 345),
        ),
        "sentiment": ((4710, 2334, 2945), (470, 233, 406), (1256, 521, 833)),
    },
)
RECORD = CorpusRecord(
    name="meld",
    title="MELD, 1,432 dialogues from a television series (Poria et al. 2019)",
    summary="MELD, 1,432 television dialogues, 7 emotions or 3 sentiments (real)",
    licence="GPL-3.0",
    root=("declare-lab/MELD/2d2011b409d3ca2d7e94460cd007d434b1d0a102/data/MELD"),
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
    sizes=SIZES,
)
