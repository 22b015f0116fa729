"""MIntRec2.0: thirty intents in dialogues."""

from sslcl.data.published.record import CorpusRecord

RECORD = CorpusRecord(
    name="mintrec2",
    title="MIntRec2.0 (Zhang et al., 2024): intents in dialogues of three series",
    summary="MIntRec2.0, 1,245 television dialogues, 30 intents, text, audio and video (real)",
    licence="CC BY-NC-SA 4.0",
    ask=(
        "the drive file 1W-z8kMOA1TaB3pE4rk4ZpkBQLvODMQ_Y, "
        "linked at https://github.com/thuiar/MIntRec2.0"
    ),
)
