import io
import sys

import pytest

from sslcl.command import speak_plainly


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("ascii", b"78.8 +- 0.5 + ??"),
        ("latin-1", b"78.8 \xb1 0.5 + ??"),
        ("utf-8", "78.8 ± 0.5 † 高兴".encode()),
    ],
)
def test_what_an_encoding_lacks_is_printed_in_signs_that_it_has(
    encoding: str, printed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    speak_plainly()
    print("78.8 ± 0.5 † 高兴", end="", flush=True)
    assert raw.getvalue() == printed
