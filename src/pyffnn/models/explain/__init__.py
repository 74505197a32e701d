"""Why a classifier said so: shares of words, n-grams and features in each class's logit."""

from pyffnn.models.explain.explanation import Entry, Explanation

__all__ = ["Entry", "Explanation"]
