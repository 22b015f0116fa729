"""DailyDialog: written dialogue, seven emotions."""

from sslcl.data.published.record import CorpusRecord, Sizes, by_split

DAILYDIALOG = ("happiness", "neutral", "anger", "sadness", "fear", "surprise", "disgust")
SIZES = Sizes(
    conversations=by_split(11118, 1000, 1000),
    utterances=by_split(87170, 8069, 7740),
    classes={},
    counts={},
)
RECORD = CorpusRecord(
    name="dailydialog",
    title="DailyDialog, 13,118 written dialogues of daily life (Li et al. 2017)",
    summary="DailyDialog, 13,118 written dialogues, 7 emotions (real, on request)",
    licence="CC BY-NC-SA 4.0",
    ask="http://yanran.li/dailydialog",
    sizes=SIZES,
)
