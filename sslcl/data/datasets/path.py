"""Any dataset at any path, in any known format: own data as well as published files."""

from pathlib import Path
from typing import ClassVar

from sslcl.data.datasets._corpus_source import CorpusOptions, CorpusSource
from sslcl.errors import InputError


class AnyPath(CorpusSource):
    """Whatever is at ``dataset_options.path``, recognised by its content."""

    name = "path"
    summary = "any file or folder in a known format, own data included: --data PATH"
    locations: ClassVar[frozenset[str]] = frozenset({"path"})

    class Options(CorpusOptions):
        """Where it is, and what can be chosen of any corpus."""

        path: str = ""
        """The file or folder; a relative one is in this folder, else in the data folder."""

    def path(self, options: CorpusOptions, data_dir: Path | None) -> Path:
        """The path that the options name."""
        where = str(getattr(options, "path", ""))
        if not where:
            raise InputError("dataset 'path' needs dataset_options.path: expected a file or folder")
        path = Path(where).expanduser()
        inside = data_dir / path if data_dir is not None else path
        return inside if inside.exists() and not path.exists() else path
