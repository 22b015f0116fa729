"""Optional tools: what a dataset holds may depend on which of them are here."""

import shutil
from importlib.util import find_spec


def audio_tools() -> dict[str, bool]:
    """Whether openSMILE and ffmpeg can be used."""
    return {
        "opensmile": find_spec("opensmile") is not None,
        "ffmpeg": shutil.which("ffmpeg") is not None,
    }
