"""N-gram language models: the baseline, and mixtures of it with a neural model."""

from pyffnn.models.ngram.cache import UnigramCache
from pyffnn.models.ngram.kneser_ney import KneserNeyLM, TokenScore
from pyffnn.models.ngram.mixture import Mixture, fit_weights

__all__ = ["KneserNeyLM", "Mixture", "TokenScore", "UnigramCache", "fit_weights"]
