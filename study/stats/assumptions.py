"""The assumptions of an analysis of variance, tested and put into words."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from sslcl.metrics import Floats

_LEVEL = 0.05
_FEWEST = 3


@dataclass(frozen=True)
class Check:
    """One assumption.

    Args:
        name: ``normal residuals``, ``equal variances`` or ``no outliers``.
        holds: whether nothing speaks against it; ``None`` where it could not be tested.
        p_value: of the test; NaN where it could not be tested.
        words: what was found, in a sentence.
    """

    name: str
    holds: bool | None
    p_value: float
    words: str


def check_assumptions(model: Any, data: pd.DataFrame) -> tuple[Check, ...]:
    """Test the assumptions of a fitted model.

    Normal residuals by Shapiro and Wilk, equal variances of the cells by Levene's test about
    medians, outliers by externally studentised residuals with Bonferroni's correction.

    Args:
        model: statsmodels results of ordinary least squares.
        data: its data, with the columns ``cell`` and ``seed``.
    """
    residuals = np.asarray(model.resid, dtype=np.float64)
    if model.df_resid < _FEWEST or np.ptp(residuals) < 1e-12:
        names = ("normal residuals", "equal variances", "no outliers")
        words = "not tested, there is too little left for the error"
        return tuple(Check(n, None, np.nan, f"{n.capitalize()}: {words}.") for n in names)
    return (_normality(residuals), _variances(residuals, data), _outliers(model, data))


def _normality(residuals: Floats) -> Check:
    p_value = float(stats.shapiro(residuals).pvalue)
    holds = p_value >= _LEVEL
    said = "show no departure from normality" if holds else "are not normal"
    care = "" if holds else "; read p-values near 0.05 with care"
    words = f"Residuals {said} (Shapiro-Wilk {_p(p_value)}){care}."
    return Check("normal residuals", holds, p_value, words)


def _variances(residuals: Floats, data: pd.DataFrame) -> Check:
    groups = [residuals[np.flatnonzero(data["cell"] == cell)] for cell in data["cell"].unique()]
    name = "equal variances"
    if min(map(len, groups)) < _FEWEST:
        words = f"Equal variances were not tested: it takes {_FEWEST} seeds in every cell."
        return Check(name, None, np.nan, words)
    p_value = float(stats.levene(*groups).pvalue)
    holds = bool(p_value >= _LEVEL)
    said = "show no difference" if holds else "differ"
    care = "" if holds else "; effects of the steadier cells are understated, of the others over"
    words = f"Variances of the cells {said} (Levene {_p(p_value)}){care}."
    return Check(name, holds, p_value, words)


def _outliers(model: Any, data: pd.DataFrame) -> Check:
    df = model.df_resid
    with np.errstate(invalid="ignore", divide="ignore"):
        inner = model.get_influence().resid_studentized_internal
        # The same as leaving out each trial in turn, without doing so.
        distances = np.abs(inner) * np.sqrt((df - 1) / (df - inner**2))
    tails = 2 * stats.t.sf(np.nan_to_num(distances, nan=0.0), df - 1)
    p_values = np.minimum(1.0, tails * len(data))
    p_value = float(p_values.min())
    odd = list(_named(data, p_values < _LEVEL))
    if not odd:
        words = f"No trial stands out (largest studentised residual, Bonferroni {_p(p_value)})."
    else:
        words = f"Standing out: {'; '.join(odd)} (studentised residuals, Bonferroni p < {_LEVEL})."
    return Check("no outliers", not odd, p_value, words)


def _named(data: pd.DataFrame, which: np.ndarray[Any, np.dtype[np.bool_]]) -> Iterator[str]:
    for row in np.flatnonzero(which):
        yield f"{data['cell'].iloc[row]} seed {data['seed'].iloc[row]}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
