"""IEMOCAP: dialogues between two actors, six or four emotions."""

from sslcl.data.published.record import CorpusRecord, Sizes, by_split

IEMOCAP = ("happy", "sad", "neutral", "angry", "excited", "frustrated")
IEMOCAP_FOUR = IEMOCAP[:4]
MERGED_TASK = "emotion4_merged"
"""The four classes with excited utterances as happy ones, as speech emotion recognition has them.
"""
IEMOCAP_VALIDATION = (
    "Ses01M_impro01",
    "Ses01M_script03_1",
    "Ses02F_impro02",
    "Ses02F_impro07",
    "Ses02M_script01_2",
    "Ses03F_impro01",
    "Ses03M_impro02",
    "Ses03M_impro08a",
    "Ses03M_script02_2",
    "Ses03M_script03_2",
    "Ses04F_impro07",
    "Ses04F_script02_1",
)
"""The twelve training dialogues that validate in the files published with COSMIC."""
SIZES = Sizes(
    conversations=by_split(108, 12, 31),
    utterances=by_split(5163, 647, 1623),
    classes={"emotion": IEMOCAP},
    counts={
        "emotion": (
            (451, 771, 1221, 831, 593, 1296),
            (53, 68, 103, 102, 149, 172),
            (144, 245, 384, 170, 299, 381),
        )
    },
)
RECORD = CorpusRecord(
    name="iemocap",
    title="IEMOCAP, 151 dialogues between two actors (Busso et al. 2008)",
    summary="IEMOCAP, 151 acted dialogues, 6 or 4 emotions (real, on request)",
    licence="on request from its authors (research agreement); published features state none",
    ask=("https://sail.usc.edu/iemocap/, and for features the authors of a model that uses them"),
    sizes=SIZES,
)
