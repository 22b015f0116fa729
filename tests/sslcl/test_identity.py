"""What makes a trial another trial, and what does not."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest

import sslcl
from sslcl import source_code
from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.identity import code_fingerprint, trial_identity
from sslcl.objectives import OBJECTIVES
from sslcl.similarities import SIMILARITIES

SOURCE = Path(sslcl.__file__).parent
CONFIG = TrialConfig()
CACHES = (
    source_code.code_digest,
    source_code.imports,
    source_code.essence,
    source_code._path,
)

Edit = Callable[[str, Callable[[str], str]], None]


def forget() -> None:
    for cached in CACHES:
        cached.cache_clear()


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edit]:
    """Edits a copy of the package, of which identities are then taken."""
    copy = tmp_path / "sslcl"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))

    def path_in_copy(module: str) -> Path | None:
        place = tmp_path.joinpath(*module.split("."))
        found = [p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file()]
        return found[0] if found else None

    def change(file: str, how: Callable[[str], str]) -> None:
        path = copy / file
        before = path.read_text() if path.exists() else ""
        path.write_text(how(before))
        assert path.read_text() != before
        forget()

    forget()
    monkeypatch.setattr(source_code, "_path", path_in_copy)
    yield change
    monkeypatch.undo()
    forget()


def test_an_identity_is_a_full_sha256_of_three_things() -> None:
    one = trial_identity(CONFIG, "a" * 64)
    assert re.fullmatch("[0-9a-f]{64}", one)
    assert trial_identity(TrialConfig(), "a" * 64) == one
    assert trial_identity(CONFIG, "b" * 64) != one
    assert trial_identity(CONFIG.replace(seed=1), "a" * 64) != one


def test_configurations_of_one_digest_are_one_trial() -> None:
    one = TrialConfig(objective="cross_entropy", similarity="dot")
    two = TrialConfig(objective="cross_entropy", similarity="soft_hgr")
    assert trial_identity(one, "data") == trial_identity(two, "data")


@pytest.mark.medium
def test_the_identity_is_the_same_in_another_process() -> None:
    script = (
        "from sslcl.config import TrialConfig; from sslcl.identity import trial_identity;"
        "print(trial_identity(TrialConfig(), 'data'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == trial_identity(CONFIG, "data")


def test_the_copy_has_the_fingerprint_of_the_original(edit: Edit) -> None:
    copied = code_fingerprint(CONFIG)
    forget()
    assert code_fingerprint(CONFIG) == copied


FORMULAS = {
    "objectives/sslcl.py": ("logits.abs().max()", "logits.max()"),
    "similarities/soft_hgr.py": ("max(samples - 1, 1)", "max(samples, 1)"),
    "similarities/_soft_hgr.py": ("penalty / 2", "penalty / 3"),
    "backbones/recurrent.py": (".relu()", ".tanh()"),
    "backbones/_parts.py": ("first + term", "first - term"),
    "label_embedding.py": ("depth > 1", "depth > 2"),
    "logit_scale.py": ("1 / found", "2 / found"),
    "augmentation.py": ("len(view) / len(views[-1])", "1.0"),
    "model.py": ("torch.finfo(torch.float32).eps", "1e-5"),
    "training.py": ("weight_decay=config.weight_decay", "weight_decay=0.0"),
    "metrics.py": ("2.0 * hits", "3.0 * hits"),
    "data/types.py": ("padding_value=value", "padding_value=1.0"),
    "data/balance.py": ("math.floor(ratio", "math.ceil(ratio"),
}


@pytest.mark.parametrize("file", FORMULAS)
def test_a_changed_formula_is_another_trial(file: str, edit: Edit) -> None:
    before = trial_identity(CONFIG, "data")
    old, new = FORMULAS[file]
    edit(file, lambda text: text.replace(old, new))
    assert trial_identity(CONFIG, "data") != before


ALL_FILES = sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))


def test_comments_docstrings_and_layout_do_not_matter(edit: Edit) -> None:
    configs = [CONFIG.replace(backbone=name) for name in BACKBONES.names()]
    before = [trial_identity(config, "data") for config in configs]
    for file in ALL_FILES:
        edit(file, lambda text: re.sub(r'"""(?=\S)', '"""In other words: ', text) + "# A remark.\n")
    assert [trial_identity(config, "data") for config in configs] == before
    for file in ALL_FILES:
        edit(file, lambda text: ast.unparse(ast.parse(text)))
    assert [trial_identity(config, "data") for config in configs] == before


@pytest.mark.parametrize(
    "file",
    [
        "backbones/mine.py",
        "similarities/mine.py",
        "objectives/mine.py",
        "data/mine.py",
        "backbones/transformer.py",
        "similarities/cosine.py",
        "objectives/cross_entropy.py",
        "data/datasets/synthetic.py",
        "data/loading/checks.py",
        "diagnostics.py",
        "identity.py",
    ],
)
def test_code_that_does_not_train_the_trial_does_not_matter(file: str, edit: Edit) -> None:
    before = trial_identity(CONFIG, "data")
    edit(file, lambda text: text + "\nNUMBER = 1\n")
    assert trial_identity(CONFIG, "data") == before


def test_a_similarity_matters_to_objectives_that_read_it_only(edit: Edit) -> None:
    baseline = CONFIG.replace(objective="cross_entropy")
    before = code_fingerprint(baseline), code_fingerprint(CONFIG)
    edit("similarities/soft_hgr.py", lambda text: text + "\nNUMBER = 1\n")
    assert code_fingerprint(baseline) == before[0]
    assert code_fingerprint(CONFIG) != before[1]


@pytest.mark.parametrize(
    "line",
    [
        "from sslcl.backbones._mine import NUMBER",
        "from sslcl.backbones import _mine",
        "import sslcl.backbones._mine",
        "from ._mine import NUMBER",
        "from . import _mine",
        "from ..backbones._mine import NUMBER",
        "def later():\n    from sslcl.backbones import _mine\n    return _mine",
    ],
)
def test_what_a_component_imports_counts_however_it_is_imported(line: str, edit: Edit) -> None:
    edit("backbones/_mine.py", lambda _: "NUMBER = 1\n")
    edit("backbones/recurrent.py", lambda text: text + "\n" + line + "\n")
    before = code_fingerprint(CONFIG), code_fingerprint(CONFIG.replace(backbone="transformer"))
    edit("backbones/_mine.py", lambda _: "NUMBER = 2\n")
    assert code_fingerprint(CONFIG) != before[0]
    assert code_fingerprint(CONFIG.replace(backbone="transformer")) == before[1]


def test_components_differ_in_code() -> None:
    groups = {
        "backbone": BACKBONES.names(),
        "similarity": SIMILARITIES.names(),
        "objective": OBJECTIVES.names(),
    }
    for field, names in groups.items():
        for one, two in combinations(names, 2):
            weighted = CONFIG.replace(cross_entropy_weight=0.5)
            prints = {code_fingerprint(weighted.replace(**{field: name})) for name in (one, two)}
            assert len(prints) == 2
