"""MIntRec: twenty intents in single utterances."""

from sslcl.data.published.record import CorpusRecord

RECORD = CorpusRecord(
    name="mintrec",
    title="MIntRec (Zhang et al., 2022): intents of utterances in Superstore",
    summary="MIntRec, 2,224 single utterances, 20 intents, text, audio and video (real)",
    licence="MIT",
    ask=(
        "the drive folder 18iLqmUYDDOwIiiRbgwLpzw76BD62PK0p, "
        "linked at https://github.com/thuiar/MIntRec"
    ),
)
