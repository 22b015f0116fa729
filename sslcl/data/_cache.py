"""Where what takes long to compute is kept between runs."""

import os
from pathlib import Path

from platformdirs import user_cache_path

CACHE_VARIABLE = "SSLCL_CACHE"
"""Environment variable that names the cache folder."""


def cache_folder() -> Path:
    """The cache folder: ``SSLCL_CACHE``, else the platform's for this user."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else user_cache_path("sslcl-studies")
