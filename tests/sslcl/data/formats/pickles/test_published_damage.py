"""Published layouts with something wrong somewhere: a dataset, or one line that says what."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sslcl.data.corpus import dataset_of, with_validation
from sslcl.data.formats import recognise
from sslcl.errors import InputError

from ...writers import cosmic, iemocap_tuple, made_up, meld_tuple, sdt
from ...writers.made_up import write

LISTS = {
    "iemocap_tuple": tuple(iemocap_tuple.content(made_up.iemocap())),
    "meld_tuple": tuple(meld_tuple.content(made_up.meld())),
    "sdt": tuple(sdt.content(made_up.meld(), "meld")),
    "cosmic": cosmic.content(made_up.emorynlp(), "emorynlp"),
    "cosmic_labels": cosmic.content(made_up.iemocap(), "iemocap", features=False),
}
STRANGE: list[Any] = [
    None, 0, -1, 99, 2.5, float("nan"), "", "x", b"\xff", [], (), {}, set(), [[]], [None], [0, 0],
    {"a": 1}, np.zeros(0), np.zeros((2, 3)), np.array(["a"], dtype=object), np.float32(1), True,
    np.array(1.0), torch.tensor(1.0), torch.zeros(2, 3), 2**100, float("inf"), [np.zeros(2)] * 3,
    "a\nb",
]  # fmt: skip


def _read(folder: Path, content: Any) -> None:
    """Raises nothing but one clear line."""
    path = write(folder / "x.pkl", content)
    try:
        corpus = recognise(path)
        if corpus.features:
            dataset_of(with_validation(corpus))
    except InputError as error:
        message = str(error)
    else:
        return
    if "\n" in message or not message.isprintable():
        raise TypeError(f"not one line: {message!r}")


def _replace(content: Any, places: list[int], value: Any) -> Any:
    """The content with ``value`` at a place some levels down."""
    if not places or not isinstance(content, list | tuple | dict) or not content:
        return value
    keys = sorted(content, key=str) if isinstance(content, dict) else range(len(content))
    key = keys[places[0] % len(keys)]
    inner = _replace(content[key], places[1:], value)
    if isinstance(content, dict):
        return {**content, key: inner}
    changed = [*content[:key], inner, *content[key + 1 :]]
    return tuple(changed) if isinstance(content, tuple) else changed


@pytest.mark.parametrize("name", LISTS)
@settings(max_examples=60)
@given(places=st.lists(st.integers(0, 30), max_size=4), value=st.sampled_from(STRANGE))
def test_a_strange_value_anywhere(
    tmp_path_factory: pytest.TempPathFactory, name: str, places: list[int], value: Any
) -> None:
    _read(tmp_path_factory.getbasetemp(), _replace(LISTS[name], places, value))


@pytest.mark.parametrize("name", LISTS)
@settings(max_examples=30)
@given(data=st.data())
def test_fields_in_another_order_or_number(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    fields = list(LISTS[name])
    order = data.draw(st.permutations(range(len(fields))))
    count = data.draw(st.integers(0, len(fields)))
    _read(tmp_path_factory.getbasetemp(), tuple(fields[n] for n in order[:count]))


@pytest.mark.parametrize("name", LISTS)
@settings(max_examples=30)
@given(data=st.data())
def test_a_dialogue_or_a_row_missing_somewhere(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    fields = copy.deepcopy(LISTS[name])
    # The last field of these two has no name, and is left aside when it does not fit.
    named = fields[:-1] if name in ("meld_tuple", "sdt") else fields
    dictionaries = [field for field in named if isinstance(field, dict)]
    chosen = dictionaries[data.draw(st.integers(0, len(dictionaries) - 1))]
    key = data.draw(st.sampled_from(sorted(chosen, key=str)))
    if data.draw(st.booleans()):
        del chosen[key]
    else:
        chosen[key] = chosen[key][:-1]
    path = write(tmp_path_factory.getbasetemp() / "x.pkl", fields)
    with pytest.raises(InputError, match=f"'{key}'"):
        recognise(path)
