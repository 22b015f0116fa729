"""The pickle language, read by an interpreter that can only build plain data.

Python's own ``pickle`` imports what a file names and calls it. Here a name is no more than an entry
of a table given to the interpreter, so that nothing a file asks for is ever looked up or run.
"""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from mmap import mmap
from struct import Struct
from typing import Any, NoReturn

MAX_OPCODES = 100_000_000
MAX_INTEGER_BYTES = 16
MAX_KEY_PARTS = 8
MAX_MARKS = 1000
_CONTAINER, _SET = 64, 216
"""Bytes of memory that an empty one takes."""
_KEY_LIMIT = 1 << 60
_U1, _U2, _U4, _U8 = Struct("B"), Struct("<H"), Struct("<I"), Struct("<Q")
_I4, _F8 = Struct("<i"), Struct(">d")


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

    def run(self) -> Any:
        """The object the pickle describes; :attr:`position` is then behind its end.

        Raises:
            NotPlainError: when it asks for anything but plain data.
            LookupError, TypeError, ValueError, struct.error: when it is damaged.
        """
        data, end, steps = self.data, self.end, _STEPS
        for _ in range(MAX_OPCODES):
            if self.position >= end:
                raise NotPlainError("ends before the pickle is complete")
            code = data[self.position]
            self.position += 1
            if code == _STOP:
                return self.stack.pop()
            step = steps.get(code)
            if step is None:
                raise NotPlainError(f"is not a pickle: byte {self.position - 1} is {code:#04x}")
            step(self)
        raise NotPlainError(f"has more than {MAX_OPCODES:,} steps")

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


_Step = Callable[[Machine], None]


def _push(read: Callable[[Machine], Any]) -> _Step:
    def step(m: Machine) -> None:
        value = read(m)  # which may put another stack in place
        m.stack.append(value)

    return step


def _container(make: Callable[[Machine], Any], cost: int = _CONTAINER) -> _Step:
    def step(m: Machine) -> None:
        m.spend(cost)
        made = make(m)
        m.stack.append(made)

    return step


def _drop(read: Callable[[Machine], Any]) -> _Step:
    def step(m: Machine) -> None:
        read(m)

    return step


def _sized(layout: Struct, decode: Callable[[bytes], Any]) -> _Step:
    return lambda m: m.stack.append(decode(m.take(m.number(layout))))


def _latin1(raw: bytes) -> str:
    return raw.decode("latin-1")  # Python 2 had one type for text and bytes: NumPy wrote both


def _utf8(raw: bytes) -> str:
    return raw.decode("utf-8")


def _quoted(m: Machine) -> str:
    raw = m.line()
    if len(raw) < 2 or raw[:1] not in (b"'", b'"') or raw[-1:] != raw[:1]:
        raise ValueError("text without quotes")
    return raw[1:-1].decode("unicode_escape") if b"\\" in raw else _latin1(raw[1:-1])


def _binary_integer(raw: bytes) -> int:
    if len(raw) > MAX_INTEGER_BYTES:
        raise NotPlainError(f"holds an integer of {len(raw):,} bytes")
    return int.from_bytes(raw, "little", signed=True)


def _integer(m: Machine) -> int | bool:
    raw = m.line()
    if raw in (b"00", b"01"):
        return raw == b"01"
    if len(raw) > 3 * MAX_INTEGER_BYTES:
        raise NotPlainError(f"holds an integer of {len(raw):,} digits")
    return int(raw.removesuffix(b"L"))


def _tuple(count: int) -> _Step:
    def step(m: Machine) -> None:
        if len(m.stack) < count:
            raise IndexError("the stack is too short")
        m.spend(_CONTAINER)
        items = tuple(m.stack[-count:])
        m.stack[-count:] = [items]

    return step


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


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    return [(as_key(k), v) for k, v in zip(items[::2], items[1::2], strict=True)]


def _target(m: Machine, kind: type) -> Any:
    if type(m.stack[-1]) is not kind:
        m.refuse(f"a change of {describe(m.stack[-1])}")
    return m.stack[-1]


def _append(m: Machine) -> None:
    item = m.stack.pop()
    _target(m, list).append(item)


def _appends(m: Machine) -> None:
    items = m.marked()
    _target(m, list).extend(items)


def _set_item(m: Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    _target(m, dict)[as_key(key)] = value


def _set_items(m: Machine) -> None:
    items = m.marked()
    _target(m, dict).update(_pairs(items))


def _add_items(m: Machine) -> None:
    items = m.marked()
    _target(m, set).update(as_key(item) for item in items)


def _call(m: Machine) -> None:
    arguments, what = m.stack.pop(), m.stack.pop()
    if type(what) is not Name or type(arguments) is not tuple:
        m.refuse(f"a call of {describe(what)}")
    made = what.call(*arguments)
    m.spend(_memory(made))
    m.stack.append(made)


def _memory(made: Any) -> int:
    """Bytes that a new object takes, about."""
    if isinstance(made, str | bytes | bytearray):
        return _CONTAINER + len(made)
    if isinstance(made, set | frozenset):
        return _SET * (1 + len(made) // 3)
    return _CONTAINER + int(getattr(made, "nbytes", 0))


def _build(m: Machine) -> None:
    state, what = m.stack.pop(), m.stack.pop()
    if type(what) is not Unfinished:
        m.refuse(f"a change of {describe(what)}")
    made = m.finish(what, state)
    m.spend(_memory(made))
    for place in what.places:
        m.memo[place] = made
    m.stack.append(made)


def _stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    m.mention(module, name)


def _global(m: Machine) -> None:
    m.mention(_latin1(m.line()), _latin1(m.line()))


def _instance(m: Machine) -> None:
    m.refuse(f"an object of {_latin1(m.line())}.{_latin1(m.line())}")


def _object(m: Machine) -> None:
    kinds = [item for item in m.stack if type(item) is Name]
    m.refuse(f"an object of {describe(kinds[-1])}" if kinds else "an object of some class")


def _asks(what: str) -> _Step:
    return lambda m: m.refuse(what)


def _mark(m: Machine) -> None:
    if len(m.below) >= MAX_MARKS:
        raise NotPlainError(f"begins more than {MAX_MARKS:,} containers within one another")
    m.below.append(m.stack)
    m.stack = []


def _pop(m: Machine) -> None:
    if m.stack:
        m.stack.pop()
    else:
        m.marked()


def _protocol(m: Machine) -> None:
    number = m.number(_U1)
    if number > pickle.HIGHEST_PROTOCOL:
        raise NotPlainError(f"is a pickle of the unknown protocol {number}")


_STOP = pickle.STOP[0]
_BY_NAME: dict[bytes, _Step] = {
    pickle.PROTO: _protocol,
    pickle.FRAME: _drop(lambda m: m.number(_U8)),
    pickle.MARK: _mark,
    pickle.POP: _pop,
    pickle.POP_MARK: _drop(Machine.marked),
    pickle.DUP: lambda m: m.stack.append(m.stack[-1]),
    pickle.NONE: _push(lambda m: None),
    pickle.NEWTRUE: _push(lambda m: True),
    pickle.NEWFALSE: _push(lambda m: False),
    pickle.INT: _push(_integer),
    pickle.LONG: _push(_integer),
    pickle.BININT: _push(lambda m: m.number(_I4)),
    pickle.BININT1: _push(lambda m: m.number(_U1)),
    pickle.BININT2: _push(lambda m: m.number(_U2)),
    pickle.LONG1: _sized(_U1, _binary_integer),
    pickle.LONG4: _sized(_I4, _binary_integer),
    pickle.FLOAT: _push(lambda m: float(m.line())),
    pickle.BINFLOAT: _push(lambda m: m.number(_F8)),
    pickle.STRING: _push(_quoted),
    pickle.BINSTRING: _sized(_I4, _latin1),
    pickle.SHORT_BINSTRING: _sized(_U1, _latin1),
    pickle.BINBYTES: _sized(_U4, bytes),
    pickle.SHORT_BINBYTES: _sized(_U1, bytes),
    pickle.BINBYTES8: _sized(_U8, bytes),
    pickle.BYTEARRAY8: _sized(_U8, bytearray),
    pickle.UNICODE: _push(lambda m: m.line().decode("raw_unicode_escape")),
    pickle.BINUNICODE: _sized(_U4, _utf8),
    pickle.SHORT_BINUNICODE: _sized(_U1, _utf8),
    pickle.BINUNICODE8: _sized(_U8, _utf8),
    pickle.EMPTY_LIST: _container(lambda m: []),
    pickle.EMPTY_TUPLE: _push(lambda m: ()),
    pickle.EMPTY_DICT: _container(lambda m: {}),
    pickle.EMPTY_SET: _container(lambda m: set(), _SET),
    pickle.LIST: _container(lambda m: m.marked()),
    pickle.TUPLE: _container(lambda m: tuple(m.marked())),
    pickle.DICT: _container(lambda m: dict(_pairs(m.marked()))),
    pickle.FROZENSET: _container(lambda m: frozenset(map(as_key, m.marked())), _SET),
    pickle.TUPLE1: _tuple(1),
    pickle.TUPLE2: _tuple(2),
    pickle.TUPLE3: _tuple(3),
    pickle.APPEND: _append,
    pickle.APPENDS: _appends,
    pickle.SETITEM: _set_item,
    pickle.SETITEMS: _set_items,
    pickle.ADDITEMS: _add_items,
    pickle.GET: _push(lambda m: m.memo[int(m.line())]),
    pickle.BINGET: _push(lambda m: m.memo[m.number(_U1)]),
    pickle.LONG_BINGET: _push(lambda m: m.memo[m.number(_U4)]),
    pickle.PUT: lambda m: m.remember(int(m.line())),
    pickle.BINPUT: lambda m: m.remember(m.number(_U1)),
    pickle.LONG_BINPUT: lambda m: m.remember(m.number(_U4)),
    pickle.MEMOIZE: lambda m: m.remember(len(m.memo)),
    pickle.GLOBAL: _global,
    pickle.STACK_GLOBAL: _stack_global,
    pickle.REDUCE: _call,
    pickle.BUILD: _build,
    pickle.INST: _instance,
    pickle.OBJ: _object,
    pickle.NEWOBJ: _object,
    pickle.NEWOBJ_EX: _object,
    pickle.PERSID: _asks("an object kept elsewhere (persistent id)"),
    pickle.BINPERSID: _asks("an object kept elsewhere (persistent id)"),
    pickle.EXT1: _asks("an object by extension code"),
    pickle.EXT2: _asks("an object by extension code"),
    pickle.EXT4: _asks("an object by extension code"),
    pickle.NEXT_BUFFER: _asks("a buffer outside the file"),
    pickle.READONLY_BUFFER: _asks("a buffer outside the file"),
}
_STEPS = {name[0]: step for name, step in _BY_NAME.items()}
