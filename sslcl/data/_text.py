"""Stands until the encoders are merged."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DEFAULT_ENCODER = "all-MiniLM-L6-v2"


def encode_texts(texts: Sequence[str], encoder: str) -> NDArray[np.float32]:
    raise NotImplementedError
