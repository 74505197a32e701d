"""Skip-gram with negative sampling, written in Cython on pyffnn's kernels."""

from skipgram._train import train

__all__ = ["train"]
