"""scikit-learn itself, in a version that the bridge knows."""

from __future__ import annotations

import re

try:
    import sklearn
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
except ImportError as error:
    raise ImportError(
        "pyffnn.integrations.sklearn needs scikit-learn 1.7 or newer: "
        f"pip install 'pyffnn[sklearn]' ({error})"
    ) from error

__all__ = ["BaseEstimator", "ClassifierMixin", "RegressorMixin"]

_OLDEST = (1, 7)


def _check_version(version: str) -> None:
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if found < _OLDEST:
        raise ImportError(
            f"pyffnn.integrations.sklearn needs scikit-learn 1.7 or newer, found {version}: "
            "pip install -U 'pyffnn[sklearn]'"
        )


_check_version(sklearn.__version__)
