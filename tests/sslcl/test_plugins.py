"""Components outside the checkout: plugin files, entry points, and the identity of their trials."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from sslcl import source_code
from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.data.commands.listing import main as list_datasets
from sslcl.errors import InputError
from sslcl.identity import code_fingerprint
from sslcl.registry.plugins import PLUGINS_VARIABLE, load, module_name, outside_content

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "plugin"
BACKBONE = """from sslcl.backbones.utterance import Utterance


class Mine(Utterance):
    name = "{name}"
    SCALE = {scale}
"""
TRAIN = """
from sslcl.config import TrialConfig
from sslcl.data import load_dataset
from study.execution.trial import train
config = TrialConfig(
    backbone="previous", epochs=2, hidden_size=8, label_embedding_width=8,
    dataset_options={"conversations": 7},
)
_, outcome = train(config, load_dataset("synthetic", config.dataset_options), lambda *_: None)
print("epochs", outcome.epochs)
"""

Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PLUGINS_VARIABLE, "")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a plugin file and give its path."""

    def file(text: str = BACKBONE, stem: str = "mine", name: str = "mine", scale: int = 1) -> Path:
        path = tmp_path / f"{stem}.py"
        path.write_text(text.format(name=name, scale=scale))
        return path

    return file


def in_a_fresh_process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_plugin_file_adds_its_component_and_is_remembered(write: Write) -> None:
    assert "mine" not in BACKBONES.names()
    path = write()
    load([path])
    load([path])
    assert BACKBONES.get("mine").__module__ == module_name(path) == "sslcl_plugin_mine"
    assert os.environ[PLUGINS_VARIABLE] == str(path)
    other = write(stem="other-one", name="other")
    load([other])
    assert os.environ[PLUGINS_VARIABLE] == f"{path}{os.pathsep}{other}"
    assert {"mine", "other"} <= set(BACKBONES.names())


def test_without_the_variable_a_plugin_is_gone(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    load([write()])
    assert "mine" in BACKBONES.names()
    monkeypatch.delenv(PLUGINS_VARIABLE)
    assert "mine" not in BACKBONES.names()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\ny = 1 / 0\n", "mine.py:2: ZeroDivisionError: division by zero"),
        ("x = 1\n\ndef :\n", "mine.py:3: SyntaxError: invalid syntax"),
        ("import nothing_like_this\n", "mine.py:1: ModuleNotFoundError: No module named"),
        ("class Mine:\n    name = 'mine'\n", "mine.py has no component: expected a class"),
        ("from sslcl.backbones.utterance import Utterance\n", "mine.py has no component"),
    ],
)
def test_a_file_that_is_no_plugin_is_refused_in_one_line(
    write: Write, text: str, said: str
) -> None:
    with pytest.raises(InputError) as refused:
        load([write(text)])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert os.environ[PLUGINS_VARIABLE] == ""


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no plugin file at .*nowhere\.py"):
        load([tmp_path / "nowhere.py"])


def test_a_name_that_is_taken_is_refused(write: Write, tmp_path: Path) -> None:
    load([write(name="recurrent")])
    with pytest.raises(InputError, match="backbone 'recurrent' of sslcl_plugin_mine: the name is"):
        BACKBONES.names()
    (tmp_path / "elsewhere").mkdir()
    same = shutil.copy(tmp_path / "mine.py", tmp_path / "elsewhere")
    with pytest.raises(InputError, match="has the same name as plugin"):
        load([Path(same)])


def test_an_edit_changes_the_identity_of_trials_that_use_the_plugin_and_of_no_other(
    write: Write,
) -> None:
    path = write()
    load([path])
    configs = [TrialConfig(backbone=name) for name in ("mine", "recurrent", "utterance")]
    before = [code_fingerprint(config) for config in configs]
    for scale, same in ((1, True), (2, False)):
        write(scale=scale)
        for cached in (source_code.code_digest, source_code.imports, source_code.essence):
            cached.cache_clear()
        now = [code_fingerprint(config) for config in configs]
        assert (now[0] == before[0]) is same
        assert now[1:] == before[1:]


def test_what_plugins_read_data_with_is_part_of_prepared_data(write: Write) -> None:
    groups = ("sslcl.datasets", "sslcl.formats")
    none = outside_content(groups)
    load([write()])
    assert outside_content(groups) == none
    text = (
        "from sslcl.data.datasets.synthetic import Synthetic\n"
        "class Own(Synthetic):\n    name = '{name}'\n    SCALE = {scale}\n"
    )
    load([write(text, stem="data", name="own_data")])
    first = outside_content(groups)
    write(text, stem="data", name="own_data", scale=2)
    assert len({none, first, outside_content(groups)}) == 3
    assert "own_data" in CliRunner().invoke(list_datasets, []).output


def test_commands_take_the_option(write: Write) -> None:
    bad = CliRunner().invoke(list_datasets, ["--plugin", "nowhere.py"])
    assert bad.exit_code == 2
    assert bad.stderr.startswith("error: no plugin file at ")
    assert bad.stderr.count("\n") == 1
    assert CliRunner().invoke(list_datasets, ["--plugin", str(write())]).exit_code == 0


@pytest.mark.medium
def test_the_example_package_is_installed_and_trains(tmp_path: Path) -> None:
    source = shutil.copytree(EXAMPLE, tmp_path / "source")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", tmp_path / "to", source],
        check=True,
    )
    done = in_a_fresh_process(TRAIN, PYTHONPATH=os.pathsep.join((str(ROOT), str(tmp_path / "to"))))
    assert done.stdout == "epochs 2\n", done.stderr


def installed(folder: Path, entry: str) -> str:
    """An import path with a package of one entry point, as pip would leave it."""
    information = folder / "broken_parts-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-parts\nVersion: 1\n")
    (information / "entry_points.txt").write_text(f"[sslcl.backbones]\nmine = {entry}\n")
    return os.pathsep.join((str(ROOT), str(folder)))


@pytest.mark.medium
@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("nothing_like_this:Mine", "cannot load nothing_like_this:Mine: ModuleNotFoundError"),
        ("pathlib:Path", "pathlib:Path is no Backbone with a name"),
    ],
)
def test_a_broken_package_is_named(tmp_path: Path, entry: str, said: str) -> None:
    code = "from sslcl.backbones import BACKBONES\nBACKBONES.names()"
    done = in_a_fresh_process(code, PYTHONPATH=installed(tmp_path, entry))
    last = done.stderr.splitlines()[-1]
    assert "package 'broken-parts', entry point 'mine' of sslcl.backbones: " in last
    assert said in last


@pytest.mark.medium
def test_a_child_process_loads_the_same_plugins(write: Write) -> None:
    path = write()
    load([path])
    code = "from sslcl.backbones import BACKBONES\nprint(BACKBONES.get('mine').__module__)"
    assert in_a_fresh_process(code).stdout == "sslcl_plugin_mine\n"
