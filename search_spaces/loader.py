"""Study files: found by name or path, read strictly, with overrides from the command line."""

from collections.abc import Sequence
from pathlib import Path

from search_spaces.checks import parse_study
from search_spaces.overrides import apply_override, use_dataset
from search_spaces.schema import Study
from sslcl.errors import InputError, did_you_mean, unknown
from sslcl.plain_yaml import parse_yaml

_SHIPPED = Path(__file__).parent


def study_names() -> tuple[str, ...]:
    """The studies that ship, sorted."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.yaml")))


def load_study(name_or_path: str, overrides: Sequence[str] = (), data: str | None = None) -> Study:
    """Read and validate a study.

    Args:
        name_or_path: one of :func:`study_names`, or the path of a YAML file.
        overrides: ``KEY=VALUE`` texts. ``KEY`` is a dotted path in the study file
            (``search.trials``, ``factors.batch_size``), or a bare configuration field
            (``batch_size``), which is fixed in the base and no longer varies. ``VALUE`` is YAML.
        data: name or path of a dataset to use instead of the file's, with its default options.

    Raises:
        InputError: one line with file, key path, what was expected and the nearest valid name.
    """
    path = _locate(name_or_path)
    where = f"search_spaces/{path.name}" if path.parent == _SHIPPED else str(path)
    values = parse_yaml(_read(path), where)
    if not isinstance(values, dict):
        raise InputError(f"{where}: expected a mapping with the keys study, factors, search, ...")
    if data is not None:
        values = use_dataset(values, data)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {override}: expected KEY=VALUE")
        values = apply_override(values, key.strip(), parse_yaml(text, f"--set {key}"))
    return parse_study(values, where)


def _locate(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml") and len(path.parts) <= 1:
        if name_or_path not in study_names():
            raise unknown("study", name_or_path, study_names())
        return _SHIPPED / f"{name_or_path}.yaml"
    if not path.is_file():
        beside = sorted(other.name for other in path.parent.glob("*.y*ml"))
        raise InputError(f"no study file at {path}: {did_you_mean(path.name, beside)}")
    return path


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text: {error}") from None
