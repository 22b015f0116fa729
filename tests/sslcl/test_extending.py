"""The example of docs/extending.md is what it says: one file, and everything works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.medium
def test_the_documented_backbone_passes_the_contract_suite(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "extending.md").read_text()
    found = re.search(r"`(sslcl/\S+\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    for part in ("sslcl", "tests/sslcl", "tests/conftest.py", "pyproject.toml"):
        source, target = ROOT / part, tmp_path / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (tmp_path / found[1]).write_text(found[2])
    name = re.search(r'name = "(\w+)"', found[2])
    assert name is not None
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "tests/sslcl/backbones/test_backbones.py",
            "-k",
            name[1],
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
