"""CMU-MOSEI as MMSA packs it."""

from sslcl.data.published.record import CorpusRecord

RECORD = CorpusRecord(
    name="mosei",
    title="CMU-MOSEI (Zadeh et al., 2018), opinions on video",
    summary="CMU-MOSEI in the MMSA pickle, 3 or 2 sentiments, text, audio and video (real)",
    licence="none stated (features), MIT (MMSA)",
    ask=(
        "the drive folder 1A2S4pqCHryGmiqnNSPLv7rEg63WvjCSk, "
        "linked at https://github.com/thuiar/MMSA"
    ),
)
