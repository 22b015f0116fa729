"""The published corpora as datasets, one for each record."""

from sslcl.data.datasets._corpus_source import NamedCorpus
from sslcl.data.published.corpora import RECORDS

NAMED = tuple(
    type(
        f"Named_{record.name}",
        (NamedCorpus,),
        {
            "__module__": __name__,
            "__doc__": f"{record.title}.",
            "name": record.name,
            "summary": record.summary,
        },
    )
    for record in RECORDS.values()
    if not record.own_reader
)
"""Classes of datasets that a known format reads."""
