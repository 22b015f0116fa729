"""Text of files in whichever encoding they are, and the mending of characters read wrongly."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from sslcl.errors import InputError

UTF_8 = "UTF-8"
_SAMPLE = 1 << 20
_C1 = {chr(code): bytes([code]).decode("cp1252", errors="ignore") for code in range(0x80, 0xA0)}
_MENDED = str.maketrans({control: meant for control, meant in _C1.items() if meant})
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SHOWN = {
    "utf-8": UTF_8,
    "utf-8-sig": UTF_8,
    "cp1252": "Windows-1252",
    "gb18030": "GB18030",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
}


def mend(text: str) -> str:
    """A text whose Windows-1252 characters were read as Latin-1, read as what they are.

    Only the control characters U+0080 to U+009F change, which no text holds on purpose.
    """
    return text.translate(_MENDED)


def mended(texts: Iterable[str]) -> tuple[list[str], int]:
    """The texts as :func:`mend` gives them, and how many changed."""
    before = list(texts)
    after = [mend(text) for text in before]
    return after, sum(a != b for a, b in zip(before, after, strict=True))


def read_text(path: Path) -> str:
    """The whole text of a file, without a byte order mark, its line ends as they stand.

    Raises:
        InputError: when it cannot be read in any known encoding.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    codec = _codec(raw)
    if codec is None:
        raise InputError(f"{path} is not UTF-8 text, nor Windows-1252, GB18030 or UTF-16")
    return raw.decode(codec).removeprefix("\ufeff")


def first_line(path: Path, longest: int) -> str:
    """The first line of a file; empty when it cannot be read. Never raises."""
    return next(iter(first_lines(path, longest)), "")


def first_lines(path: Path, longest: int) -> list[str]:
    """The lines in the first bytes of a file; none when it cannot be read. Never raises.

    Args:
        path: of the file.
        longest: bytes that are read; where a file has more, its last line here is left out.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(longest)
    except OSError:
        return []
    codec = next((codec for mark, codec in _BOMS if raw.startswith(mark)), None)
    codec = codec or _utf_16_without_mark(raw) or "utf-8"
    text = raw.decode(codec, errors="replace").removeprefix("\ufeff")
    # Control characters that stand for quotation marks end no line, as they would for splitlines.
    lines = re.split(r"\r\n?|\n", text)
    return lines[:-1] if len(raw) == longest and len(lines) > 1 else lines


def encoding_note(path: Path) -> str | None:
    """A note that names the encoding of a file of text that is not UTF-8."""
    codec = _codec(path.read_bytes())
    if codec is None or _SHOWN[codec] == UTF_8:
        return None
    return f"{path.name} is not UTF-8: read as {_SHOWN[codec]}"


def _codec(raw: bytes) -> str | None:
    for mark, codec in _BOMS:
        if raw.startswith(mark):
            return codec if _decodes(raw, codec) else None
    if (codec_16 := _utf_16_without_mark(raw)) and _decodes(raw, codec_16):
        return codec_16
    if _decodes(raw, "utf-8"):
        return "utf-8"
    if b"\0" in raw:
        return None
    fitting = [codec for codec in ("cp1252", "gb18030") if _decodes(raw, codec)]
    # The earlier one where both are as likely.
    return max(fitting, key=lambda codec: _likelihood(raw, codec), default=None)


def _decodes(raw: bytes, codec: str) -> bool:
    try:
        raw.decode(codec)
    except UnicodeError:
        return False
    return True


def _utf_16_without_mark(raw: bytes) -> str | None:
    """UTF-16 by its zero bytes: every second one of Latin letters, commas and line ends."""
    sample = raw[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) < max(2, len(sample) / 8) or min(even, odd) > max(even, odd) / 10:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _likelihood(raw: bytes, codec: str) -> float:
    """The share of the characters beyond ASCII that running text has."""
    beyond = [c for c in raw[:_SAMPLE].decode(codec, errors="ignore") if ord(c) > 0x7F]
    return sum(_usual(c, codec) for c in beyond) / max(1, len(beyond))


def _usual(character: str, codec: str) -> bool:
    if codec == "gb18030":
        # The 3,755 characters of level 1 and full-width marks: what Chinese is written with.
        lead = character.encode("gb18030")[0]
        return 0xB0 <= lead <= 0xD7 or lead in (0xA1, 0xA3)
    return unicodedata.category(character) == "Ll" or character in "‘’“”–—…€£°«»¿¡ÄÖÜÉÀÇÑ"
