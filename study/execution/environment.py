"""What a run depends on besides its configuration: versions, machine, and the state of the code."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch

RECORDED_PACKAGES = (
    "torch",
    "ray",
    "optuna",
    "mlflow",
    "sqlalchemy",
    "pandas",
    "numpy",
    "sslcl-studies",
)


def environment() -> dict[str, str | int | bool]:
    """Versions of Python and the packages that matter, the machine, and the commit if known."""
    facts: dict[str, str | int | bool] = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": psutil.cpu_count() or 0,
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none",
    }
    for package in RECORDED_PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    return facts | _commit()


def _commit() -> dict[str, str | int | bool]:
    """The commit of the working copy, and whether it has uncommitted changes."""
    root = Path(__file__).resolve().parents[2]
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return {"commit": "unknown"}
    return {"commit": commit, "uncommitted_changes": bool(changed)}


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *words], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
