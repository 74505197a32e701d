"""Feedforward classifier of raw text."""

from pyffnn.models.text_classifier.model import TextClassifier

__all__ = ["TextClassifier"]
