"""Feedforward models of raw text."""

from pyffnn.models.text_classifier.model import TextClassifier
from pyffnn.models.text_classifier.regressor import TextRegressor

__all__ = ["TextClassifier", "TextRegressor"]
