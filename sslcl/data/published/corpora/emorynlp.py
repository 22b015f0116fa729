"""EmoryNLP: multi-party television dialogue, seven emotions or three sentiments."""

from sslcl.data.published.record import CorpusRecord, Sizes, by_split

EMORYNLP = ("Joyful", "Mad", "Peaceful", "Neutral", "Sad", "Powerful", "Scared")
EMORYNLP_SENTIMENT = ("negative", "neutral", "positive")
SIZES = Sizes(
    conversations=by_split(659, 89, 79),
    utterances=by_split(7551, 954, 984),
    classes={"emotion": EMORYNLP},
    counts={
        "emotion": (
            (1677, 785, 638, 2485, 474, 551, 941),
            (205, 97, 82, 322, 51, 70, 127),
            (217, 86, 111, 288, 70, 96, 116),
        )
    },
)
RECORD = CorpusRecord(
    name="emorynlp",
    title="EmoryNLP, 827 scenes from a television series (Zahiri and Choi 2018)",
    summary="EmoryNLP, 827 television scenes, 7 emotions or 3 sentiments (real)",
    licence="Apache-2.0 (text), none stated (clips)",
    ask="the folder data/emorynlp (CSV) of https://github.com/declare-lab/MELD",
    sizes=SIZES,
)
