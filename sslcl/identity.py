"""The identity of a trial: its configuration, its data and the code that trains it."""

import hashlib

from sslcl.backbones import BACKBONES
from sslcl.config import TrialConfig
from sslcl.objectives import OBJECTIVES
from sslcl.similarities import SIMILARITIES
from sslcl.source_code import code_digest

_ROOT = "sslcl.training"
_FUSION = "sslcl.fusion.trainer"
_LOADING = "sslcl.data"
"""Not training code: what loading gives has a fingerprint of its own."""


def trial_identity(config: TrialConfig, data_fingerprint: str) -> str:
    """SHA-256 over configuration, data and training code, 64 hexadecimal digits.

    Two trials with the same identity compute the same thing, so one of them need not be run.
    """
    parts = (config.digest(), data_fingerprint, code_fingerprint(config))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def code_fingerprint(config: TrialConfig) -> str:
    """SHA-256 of the code that trains ``config``.

    Covers the modules of this package that the trainer imports, and those of the chosen backbone,
    similarity and objective, a component from outside with what it imports of its own top-level
    package, without comments, docstrings and layout: a new component, or a
    reworded comment, does not make old results stale; a changed formula does. The loading of data
    is not covered, because the data has a fingerprint of its own.
    """
    modules = {
        _ROOT,
        BACKBONES.get(config.backbone).__module__,
        OBJECTIVES.get(config.objective).__module__,
    }
    if "similarity" in config.canonical():
        modules.add(SIMILARITIES.get(config.similarity).__module__)
    if config.fused_seeds:
        modules.add(_FUSION)
    packages = {"sslcl", *(module.partition(".")[0] for module in modules)}
    return code_digest(frozenset(modules), frozenset(packages), frozenset({"sslcl", _LOADING}))
