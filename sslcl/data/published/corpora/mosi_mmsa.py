"""CMU-MOSI as MMSA packs it."""

from sslcl.data.published.record import CorpusRecord

RECORD = CorpusRecord(
    name="mosi_mmsa",
    title="CMU-MOSI (Zadeh et al., 2016), film reviews",
    summary="CMU-MOSI in the MMSA pickle, 3 or 2 sentiments, text, audio and video (real)",
    licence="none stated (features), MIT (MMSA)",
    ask=(
        "the drive folder 1A2S4pqCHryGmiqnNSPLv7rEg63WvjCSk, "
        "linked at https://github.com/thuiar/MMSA"
    ),
)
