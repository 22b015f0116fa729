"""CH-SIMS as MMSA packs it."""

from sslcl.data.published.record import CorpusRecord

RECORD = CorpusRecord(
    name="sims",
    title="CH-SIMS (Yu et al., 2020), Chinese film clips",
    summary="CH-SIMS in the MMSA pickle, Chinese, 3 or 2 sentiments, text, audio and video (real)",
    licence="none stated (features), MIT (MMSA)",
    ask=(
        "the drive folder 1A2S4pqCHryGmiqnNSPLv7rEg63WvjCSk, "
        "linked at https://github.com/thuiar/MMSA"
    ),
)
