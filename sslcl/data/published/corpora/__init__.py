"""One module a published corpus: its :class:`CorpusRecord`, called ``RECORD``."""

import importlib
import pkgutil
from collections.abc import Mapping

from sslcl.data.published.record import CorpusRecord


def _records() -> dict[str, CorpusRecord]:
    modules = sorted(info.name for info in pkgutil.iter_modules(__path__))
    records = [importlib.import_module(f"{__name__}.{module}").RECORD for module in modules]
    return {record.name: record for record in records}


RECORDS: Mapping[str, CorpusRecord] = _records()
"""By name, which is also the name of the dataset and of its folder under the data folder."""
