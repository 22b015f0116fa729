"""Pickles from strangers: plain data comes back as it was, and nothing else does anything."""

import ast
import builtins
import collections
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sslcl.data.reading.pickles import load_pickle
from sslcl.errors import InputError

ROOT = Path(__file__).resolve().parents[4]
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def read(folder: Path, data: bytes) -> Any:
    path = folder / "some.pkl"
    path.write_bytes(data)
    return load_pickle(path)


def refusal(folder: Path, data: bytes) -> str:
    with pytest.raises(InputError) as error:
        read(folder, data)
    message = str(error.value)
    assert message.startswith(str(folder / "some.pkl"))
    assert "\n" not in message
    assert message.isprintable()
    return message.removeprefix(str(folder / "some.pkl")).strip()


def read_or_refuse(folder: Path, data: bytes) -> None:
    try:
        read(folder, data)
    except InputError:
        refusal(folder, data)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        fits = type(b) is np.ndarray and a.dtype == b.dtype and a.shape == b.shape
        return fits and all(same(x, y) for x, y in zip(a.flat, b.flat, strict=True))
    if isinstance(a, torch.Tensor):
        return type(b) is torch.Tensor and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and bool(a == b)


SHARED = np.arange(6, dtype=np.float32).reshape(2, 3)
PLAIN: dict[str, Any] = {
    "containers": [1, -5, 2**70, 1.5, True, None, "a\nö'\"", b"\x00\xff", (), (1,), [], {}, [[]]],
    "keys": {"a": 1, 2: "b", (1, "x"): [None], 0.5: b"", None: {}},
    "sets": [set(), {"b", "a"}, frozenset({1, 2}), frozenset()],
    "bytes": [b"", bytearray(b"abc"), bytearray(), 1 + 2j],
    "shared": [SHARED, {"again": SHARED}, SHARED],
    "types": [
        np.zeros(3, dtype=t) for t in ("?", "i1", "u2", "<i4", ">f8", "f2", "c16", "U5", "S3")
    ],
    "orders": [
        SHARED.T,
        np.asfortranarray(SHARED),
        SHARED[:, ::2],
        np.array(1.0),
        np.zeros((0, 5)),
    ],
    "objects": np.array([[1, "two"], [None, [3.0]]], dtype=object),
    "scalars": [np.float32(1.5), np.int64(-3), np.str_("ab"), np.bool_(True)],
    "long": list(range(5000)),
    "tensors": [torch.arange(6.0).reshape(2, 3), torch.arange(6).reshape(2, 3).T, torch.ones(())],
    "empty tensor": torch.zeros(0, 3),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", PLAIN)
def test_plain_data_comes_back(tmp_path: Path, case: str, protocol: int) -> None:
    content = PLAIN[case]
    assert same(content, read(tmp_path, pickle.dumps(content, protocol)))


def test_shared_arrays_stay_shared_and_may_be_written(tmp_path: Path) -> None:
    first, second = read(tmp_path, pickle.dumps([SHARED, SHARED]))
    assert first is second
    first += 1


PLAIN_DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**100), 2**100) | st.floats(allow_nan=False)
    | st.text() | st.binary(),
    lambda inner: st.lists(inner)
    | st.tuples(inner, inner)
    | st.dictionaries(st.text() | st.integers(-1000, 1000), inner)
    | st.frozensets(st.text()),
    max_leaves=20,
)  # fmt: skip


@given(content=PLAIN_DATA, protocol=st.sampled_from(PROTOCOLS))
def test_whatever_is_plain_comes_back(
    tmp_path_factory: pytest.TempPathFactory, content: Any, protocol: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    assert same(content, read(folder, pickle.dumps(content, protocol)))


def test_python_2_text_and_arrays_are_read_as_latin_1(tmp_path: Path) -> None:
    raw = np.array([1.0, -1e300]).tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\nt"
        b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
    )
    escaped = "".join(f"\\x{byte:02x}" for byte in raw).encode()
    text = read(tmp_path, array + b"S'" + escaped + b"'\ntb.")
    binary = read(tmp_path, array + b"U" + bytes([len(raw)]) + raw + b"tb.")
    assert text.tolist() == binary.tolist() == [1.0, -1e300]
    assert read(tmp_path, b"\x80\x02U\x03caf\x71\x00.".replace(b"f\x71\x00", b"\xe9")) == "ca\xe9"
    names = read(tmp_path, b"(lp0\nS'M'\np1\nag1\na(dp2\nS'k'\nL5L\nsa.")
    assert names == ["M", "M", {"k": 5}]


def test_files_of_torch_save_are_read(tmp_path: Path) -> None:
    content = {"text": torch.arange(6.0).reshape(2, 3), "ids": ["a", "b"], "n": (1, None)}
    torch.save(content, tmp_path / "some.pt")
    assert same(content, load_pickle(tmp_path / "some.pt"))


class Calls:
    """Pickled as a call of ``function``."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


class SubDict(dict):  # type: ignore[type-arg]
    pass


class WithState:
    def __setstate__(self, state: Any) -> None:
        Path(state).touch()

    def __getstate__(self) -> str:
        return "done"


class SubArray(np.ndarray):
    pass


def nested(levels: int, kind: type = list) -> Any:
    inner: Any = kind()
    for _ in range(levels - 1):
        inner = kind([inner])
    return inner


def touch(path: str) -> Any:
    return Calls(os.system, f"touch {path}")


EVIL: dict[str, tuple[Callable[[str], Any], str]] = {
    "a command": (touch, "asks for posix.system"),
    "a command within data": (lambda p: {"a": [1, {"b": (touch(p),)}]}, "asks for posix.system"),
    "eval": (lambda p: Calls(eval, f"open({p!r}, 'w')"), ".eval at byte"),
    "exec": (lambda p: Calls(exec, f"open({p!r}, 'w')"), ".exec at byte"),
    "open": (lambda p: Calls(open, p, "w"), ".open at byte"),
    "import": (lambda p: Calls(builtins.__import__, "os"), ".__import__ at byte"),
    "getattr": (lambda p: Calls(getattr, "os", "system"), ".getattr at byte"),
    "a nested call": (lambda p: Calls(map, touch(p), [p]), "map at byte"),
    "a pickle in a pickle": (
        lambda p: Calls(pickle.loads, pickle.dumps(touch(p))),
        ".loads at byte",
    ),
    "a dict subclass": (lambda p: SubDict(a=1), "asks for "),
    "an ordered dict": (lambda p: collections.OrderedDict(a=1), "collections.OrderedDict"),
    "a default dict": (lambda p: collections.defaultdict(list), "asks for collections.defaultdict"),
    "an object with state": (lambda p: WithState(), "asks for "),
    "a class": (lambda p: WithState, "asks for "),
    "an array subclass": (lambda p: np.zeros(2).view(SubArray), "asks for "),
    "an array of records": (lambda p: np.zeros(2, dtype=[("a", "f4")]), "of type V4"),
    "a command in an array": (lambda p: np.array([touch(p)], dtype=object), "posix.system"),
    "a command in a tensor": (
        lambda p: Calls(torch.storage._load_from_bytes, pickle.dumps(touch(p))),
        "that torch did not write",
    ),
    "an array type": (lambda p: [np.dtype("f4")], "asks for "),
    "a set of a set": (lambda p: {frozenset({1})}, "as a key or in a set"),
    "100 levels": (lambda p: nested(100), "nests containers more than 32 levels deep"),
    "100 levels of tuples": (lambda p: nested(100, tuple), "more than 32 levels deep"),
}  # fmt: skip


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("case", EVIL)
def test_objects_are_refused_by_name(
    tmp_path: Path, case: str, protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make, said = EVIL[case]
    assert said in refusal(tmp_path, pickle.dumps(make(str(tmp_path / "done")), protocol))
    assert not (tmp_path / "done").exists()


def long(n: int) -> bytes:
    return struct.pack("<Q", n)


BILLION = b"(lp0\n" + b"".join(
    b"(l" + b"g%d\na" % (level - 1) * 10 + b"p%d\n" % level for level in range(1, 12)
) + b"."  # fmt: skip
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
FLOATS = b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"

COPIES = b"(lp0\n%b(I1\n(I125000\nt%bp2\nI00\nS'%b'\np3\ntba%b." % (
    ARRAY,
    FLOATS,
    b"a" * 1_000_000,
    (ARRAY + b"(I1\n(I125000\ntg2\nI00\ng3\ntba") * 100,
)

RAW: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty, not a pickle"),
    "text": (b"Dialogue_ID,Utterance\n0,hello\n", "is not a pickle"),
    "an instance": (b"(S'touch done'\nios\nsystem\n.", "asks for an object of os.system"),
    "an object": (b"(cos\nsystem\nS'touch done'\no.", "asks for os.system"),
    "an object of a known name": (b"(cnumpy\nndarray\nI3\no.", "an object of numpy.ndarray"),
    "a new object": (b"cnumpy\nndarray\n)\x81.", "asks for an object of"),
    "a persistent id": (b"Pdone\n.", "kept elsewhere"),
    "a binary persistent id": (b"K\x01Q.", "kept elsewhere"),
    "an extension": (b"\x82\x01.", "extension code"),
    "a buffer": (b"\x97.", "a buffer outside the file"),
    "copyreg": (b"ccopy_reg\n_reconstructor\n(c__main__\nA\nNtR.", "asks for copy_reg"),
    "a name from memory": (b"Vos\np0\nVsystem\np1\n0g0\ng1\n\x93.", "asks for os.system"),
    "a name that is no text": (b"K\x01K\x02\x93.", "whose name is no text"),
    "a dotted name": (b"Vnumpy\nVndarray.dump\n\x93.", "asks for numpy.ndarray.dump"),
    "a call of text": (b"S'os.system'\n(S'x'\ntR.", "asks for a call of a str"),
    "state for a list": (b"(l(dS'a'\nI1\nsb.", "asks for a change of a list"),
    "state for a name": (b"cnumpy\nndarray\n(dS'a'\nI1\nsb.", "asks for a change of numpy.ndarray"),
    "items for a name": (b"cnumpy\nndarray\nS'a'\nI1\ns.", "asks for a change of numpy.ndarray"),
    "a name as data": (b"(lcnumpy\nndarray\na.", "asks for numpy.ndarray in its data"),
    "a call of the array class": (b"cnumpy\nndarray\n((I9\nttR.", "a call of numpy.ndarray"),
    "an array without content": (ARRAY + b".", "asks for numpy.ndarray in its data"),
    "an array of another class": (ARRAY.replace(b"cnumpy\nndarray", b"cbuiltins\nset") + b".",
                                  "asks for an array of the class builtins.set"),
    "a large array": (ARRAY + b"(I1\n(I999999999\nt" + FLOATS + b"I00\nS'abcdefgh'\ntb.",
                      "claims the shape (999999999,) for 1 values"),
    "a large empty array": (ARRAY + b"(I1\n(I0\nI999999999\nt" + FLOATS + b"I00\nS''\ntb.",
                            "claims the shape (0, 999999999)"),
    "a negative array": (ARRAY + b"(I1\n(I-1\nt" + FLOATS + b"I00\nS''\ntb.", "proper shape"),
    "half a value": (ARRAY + b"(I1\n(I1\nt" + FLOATS + b"I00\nS'abc'\ntb.", "3 bytes for values"),
    "text for objects": (ARRAY + b"(I1\n(I1\nt" + FLOATS.replace(b"f8", b"O8")
                         + b"I00\nS'abcdefgh'\ntb.", "no list of them"),
    "a strange size of values": (FLOATS.replace(b"NNNI-1", b"NNNI4000") + b".", "4000 bytes"),
    "a composite type": (FLOATS.replace(b"NNN", b"NN(d") + b".", "composite type"),
    "a scalar of objects": (b"cnumpy.core.multiarray\nscalar\n(" + FLOATS.replace(b"f8", b"O8")
                            + b"S'abcdefgh'\ntR.", "scalar of objects"),
    "characters that do not exist": (ARRAY + b"(I1\n(I1\nt" + FLOATS.replace(b"f8", b"U1")
                                     + b"I00\nS'\\xff\\xff\\xff\\x7f'\ntb.", "do not exist"),
    "an encoding": (b"c_codecs\nencode\n(VYQ==\nVbase64\ntR.", "asks for the encoding base64"),
    "many bytes": (b"\x8e" + long(1 << 62) + b"abc.", "claims 4,611,686,018,427,387,904 bytes"),
    "much text": (b"\x8d" + long(1 << 40) + b"abc.", "where 4 are left"),
    "negative text": (b"T\xff\xff\xff\xffabc.", "claims -1 bytes"),
    "a large integer": (b"\x8b" + struct.pack("<i", 1 << 30) + b"\x01.", "claims 1,073,741,824"),
    "an integer of 200 bytes": (b"\x8a\xc8" + b"\x01" * 200 + b".", "an integer of 200 bytes"),
    "an integer of 900 digits": (b"I" + b"9" * 900 + b"\n.", "an integer of 900 digits"),
    "keys that collide": (b"(dL%dL\nI1\ns." % ((1 << 61) - 1), "uses a int as a key"),
    "a container as key": (b"(d(I1\n(ttI1\ns.", "uses a tuple as a key"),
    "a bomb of shared lists": (BILLION, "would take more memory than its size allows"),
    "a list of itself": (b"(lp0\ng0\na.", "contains itself"),
    "copies of an array": (COPIES, "far more memory"),
    "copies of a set": (b"(lp0\n(l" + b"".join(b"I%d\na" % n for n in range(20_000)) + b"p1\na"
                        + b"c__builtin__\nset\n(g1\ntRa" * 1000 + b".", "far more memory"),
    "empty sets": (b"]" + b"\x8fa" * 500_000 + b".", "far more memory"),
    "marks": (b"(" * 2000, "begins more than 1,000 containers"),
    "a long key": (b"}(" + b"N" * 100 + b"tNs.", "uses a tuple of 100 parts as a key"),
    "a type that is a bomb": (b"cnumpy\ndtype\n(" + BILLION[:-1] + b"tR.", "array of type a list"),
    "two pickles": (b"I1\n.I2\n.", "goes on for 4 bytes behind the end"),
    "no start": (b".", "is a damaged pickle"),
    "an unknown place": (b"g7\n.", "is a damaged pickle"),
    "an unknown protocol": (b"\x80\x63N.", "unknown protocol 99"),
    "no end": (b"(lI1\na", "ends before the pickle is complete"),
    "a file name with escapes": (b"c\x1b[31m\nx\n.", r"asks for \x1b[31m.x"),
    "torch, but not": (b"PK\x03\x04abc", "is refused by torch"),
}  # fmt: skip


@pytest.mark.parametrize("case", RAW)
def test_bytes_that_no_honest_writer_makes_are_refused(
    tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data, said = RAW[case]
    assert said in refusal(tmp_path, data)
    assert [p.name for p in tmp_path.iterdir()] == ["some.pkl"]


def test_deep_and_long_pickles_do_not_exhaust_the_interpreter(tmp_path: Path) -> None:
    assert "levels deep" in refusal(tmp_path, b"]" * 300_000 + b"a" * 299_999 + b".")
    assert "as a key" in refusal(tmp_path, b"}" + b")" + b"\x85" * 300_000 + b"Ns.")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_tensor_with_foreign_content_is_refused(tmp_path: Path) -> None:
    _, (honest,) = torch.arange(4.0)._typed_storage().__reduce__()
    for old, new in [
        (b"FloatStorage", b"system"),
        (b"ctorch\n", b"cposix\n"),
        (b"K\x04N", b"J\xff\xff\xff\x7fN"),
        (b"K\x04N", b"\x8a\x07" + b"\xff" * 6 + b"\x7fN"),
    ]:
        assert old in honest
        evil = Calls(torch.storage._load_from_bytes, honest.replace(old, new))
        call = Calls(torch._utils._rebuild_tensor_v2, evil, 0, (4,), (1,), False, None)
        assert "torch refuses" in refusal(tmp_path, pickle.dumps(call))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_tensors_that_claim_more_than_they_hold_are_refused(tmp_path: Path) -> None:
    storage = torch.arange(4.0)._typed_storage()
    for size, stride, offset in [
        ((9,), (1,), 0),
        ((4,), (1,), 1),
        ((2,), (9,), 0),
        ((9,), (0,), 0),
    ]:
        call = Calls(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, None)
        assert "claims" in refusal(tmp_path, pickle.dumps(call))


def test_compressed_and_foreign_torch_files_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1000)}, tmp_path / "plain.pt")
    packed = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "plain.pt") as old, zipfile.ZipFile(packed, "w", 8) as new:
        for member in old.infolist():
            new.writestr(member.filename, old.read(member.filename))
    assert "holds the compressed part" in refusal(tmp_path, packed.getvalue())
    evil = io.BytesIO()
    torch.save({"a": touch(str(tmp_path / "done"))}, evil)
    assert "is refused by torch" in refusal(tmp_path, evil.getvalue())
    assert not (tmp_path / "done").exists()
    state = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2).state_dict(), state)
    assert "asks for collections.OrderedDict in its data" in refusal(tmp_path, state.getvalue())


def test_files_that_cannot_be_opened_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_pickle(tmp_path / "none.pkl")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole = pickle.dumps({"a": [SHARED, "text", {1, 2}]}, 4)
    for end in range(len(whole)):
        refusal(tmp_path, whole[:end])


@given(data=st.data())
def test_damaged_bytes_give_data_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    protocol = data.draw(st.sampled_from(PROTOCOLS))
    whole = pickle.dumps([PLAIN["keys"], SHARED, PLAIN["scalars"], PLAIN["sets"]], protocol)
    place = data.draw(st.integers(0, len(whole) - 1))
    patch = data.draw(st.binary(max_size=6))
    read_or_refuse(tmp_path_factory.getbasetemp(), whole[:place] + patch + whole[place + 1 :])


OPCODES = [getattr(pickle, name) for name in pickle.__all__ if name.isupper()]
PIECES = st.sampled_from(
    [
        *(code for code in OPCODES if isinstance(code, bytes)),
        b"os\nsystem\n",
        b"1\n",
        b"'a'\n",
        ARRAY,
    ]
)


@given(pieces=st.lists(PIECES | st.binary(max_size=4), max_size=30))
def test_arbitrary_bytes_give_data_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    read_or_refuse(tmp_path_factory.getbasetemp(), b"".join(pieces) + b".")


def _other_ways(tree: ast.AST) -> list[str]:
    """Every other way to load a pickle that a module uses."""
    banned = {
        "dill",
        "cloudpickle",
        "joblib",
        "shelve",
        "marshal",
        "cPickle",
        "_pickle",
        "jsonpickle",
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [a.name for a in node.names]
            if isinstance(node, ast.ImportFrom):
                modules = [f"{node.module}.{a.name}" for a in node.names] + [node.module or ""]
            found += [m for m in modules if m.split(".")[0] in banned]
            found += [m for m in modules if m.startswith("pickle.")]
            found += [m for m in modules if m in ("torch.load", "pandas.read_pickle", "numpy.load")]
        elif isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner == "pickle" and not node.attr.isupper():
                found.append(f"pickle.{node.attr}")
            elif node.attr in ("Unpickler", "read_pickle"):
                found.append(node.attr)
        if isinstance(node, ast.Call):
            found += _unsafe_call(node)
    return found


def _unsafe_call(node: ast.Call) -> list[str]:
    name = ast.unparse(node.func)
    given = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
    if given.get("allow_pickle", False) is not False:
        return [f"{name}(allow_pickle)"]
    if name in ("np.load", "numpy.load") and len(node.args) > 1:
        return [f"{name} with allow_pickle by position"]
    if name == "torch.load" and given.get("weights_only") is not True:
        return ["torch.load without weights_only=True"]
    return []


def test_no_other_code_loads_a_pickle() -> None:
    product = [
        p
        for top in ("sslcl", "search_spaces", "study", "tracking")
        for p in (ROOT / top).rglob("*.py")
    ]
    assert len(product) > 50
    found = {str(p.relative_to(ROOT)): _other_ways(ast.parse(p.read_text())) for p in product}
    assert {path: ways for path, ways in found.items() if ways} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\npickle.load(f)",
        "import pickle\nx = pickle.loads",
        "from pickle import load",
        "import pickle\nclass U(pickle.Unpickler): pass",
        "import _pickle",
        "import dill",
        "import cloudpickle as c",
        "from joblib import load",
        "import pandas as pd\npd.read_pickle(p)",
        "np.load(p, allow_pickle=True)",
        "np.load(p, allow_pickle=flag)",
        "np.load(p, None, True)",
        "from torch import load",
        "torch.load(p)",
        "torch.load(p, weights_only=False)",
        "import shelve",
        "import marshal",
    ],
)
def test_the_scan_knows_the_other_ways(source: str) -> None:
    assert _other_ways(ast.parse(source))
