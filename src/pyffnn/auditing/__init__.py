"""Data looked at before, or after, a model is trained on them."""

from pyffnn.auditing.looking import audit
from pyffnn.auditing.report import Audit, LabelError, Leak

__all__ = ["Audit", "LabelError", "Leak", "audit"]
