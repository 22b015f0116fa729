"""The pickle language, read by an interpreter that can only build plain data.

Python's own ``pickle`` imports what a file names and calls it. Here a name is no more than an entry
of a table given to the interpreter, so that nothing a file asks for is ever looked up or run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from mmap import mmap
from struct import Struct
from typing import Any, NoReturn

MAX_KEY_PARTS = 8
_KEY_LIMIT = 1 << 60


class NotPlainError(Exception):
    """Why a file is refused: the rest of a sentence that begins with the file's name."""


@dataclass(eq=False)
class Unfinished:
    """Something that exists only on the way to plain data, such as an array without content.

    Args:
        name: as the file calls it, for the error when it is left in the data.
        parts: what it was made from.
        places: its keys in the memo, where the finished object replaces it.
    """

    name: str
    parts: tuple[Any, ...] = ()
    places: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Name:
    """A global that a file may mention, and what calling it gives."""

    name: str
    call: Callable[..., Any]


Globals = Mapping[tuple[str, str], Callable[..., Any]]
Finish = Callable[[Unfinished, Any], Any]


class Machine:
    """One run over one pickle.

    Args:
        data: the pickle.
        room: bytes of memory that it may fill with what is not in the file itself: containers, and
            what calls make out of content that several of them may share.
        names: what each global that may be mentioned gives when called.
        finish: gives the object for an unfinished one and its state.
    """

    def __init__(self, data: bytes | mmap, room: int, names: Globals, finish: Finish) -> None:
        self.data = data
        self.end = len(data)
        self.position = 0
        self.room = room
        self.names = names
        self.finish = finish
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes."""
        if count < 0 or count > self.end - self.position:
            raise NotPlainError(
                f"claims {count:,} bytes at byte {self.position}, where "
                f"{self.end - self.position:,} are left"
            )
        self.position += count
        return self.data[self.position - count : self.position]

    def line(self) -> bytes:
        """The bytes up to the end of the line."""
        found = self.data.find(b"\n", self.position)
        if found < 0:
            raise NotPlainError("ends before the pickle is complete")
        return self.take(found + 1 - self.position)[:-1]

    def number(self, layout: Struct) -> Any:
        """The next number."""
        (value,) = layout.unpack_from(self.data, self.position)
        self.position += layout.size
        return value

    def spend(self, amount: int) -> None:
        """Take ``amount`` bytes of the room."""
        self.room -= amount
        if self.room < 0:
            raise NotPlainError("would take far more memory than its size allows")

    def marked(self) -> list[Any]:
        """Everything above the last mark."""
        items = self.stack
        self.stack = self.below.pop()
        return items

    def remember(self, key: int) -> None:
        """Put the top of the stack into the memo."""
        value = self.stack[-1]
        self.memo[key] = value
        if isinstance(value, Unfinished):
            value.places.append(key)

    def mention(self, module: Any, name: Any) -> None:
        """Push a global, or refuse it by name."""
        if type(module) is not str or type(name) is not str:
            self.refuse("something whose name is no text")
        call = self.names.get((module, name))
        if call is None:
            self.refuse(f"{module}.{name}")
        self.stack.append(Name(f"{module}.{name}", call))

    def refuse(self, what: str) -> NoReturn:
        """Refuse the file for what it asks for."""
        raise NotPlainError(f"asks for {printable(what)} at byte {self.position}")


def printable(text: str) -> str:
    """Text from a stranger, in one line that a terminal may show."""
    clean = text.encode("unicode_escape").decode("ascii")
    return clean if len(clean) <= 80 else f"{clean[:77]}..."


def describe(value: Any) -> str:
    """What an object on the stack is, in an error."""
    return value.name if isinstance(value, Name | Unfinished) else f"a {type(value).__name__}"


def as_key(value: Any) -> Any:
    """A key whose hash and comparison cost nothing to speak of, whoever made it up."""
    parts = value if type(value) is tuple else (value,)
    if len(parts) > MAX_KEY_PARTS:
        raise NotPlainError(f"uses a tuple of {len(parts):,} parts as a key or in a set")
    for part in parts:
        plain = part is None or isinstance(part, str | bytes | bool | int | float)
        if not plain or (isinstance(part, int) and not -_KEY_LIMIT < part < _KEY_LIMIT):
            raise NotPlainError(f"uses {describe(part)} as a key or in a set")
    return value
