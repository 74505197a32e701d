"""Byte-pair encoding through the `tokenizers` library (extra "tokenizers"): train one, and turn texts into ids for an embedding table.

Source: Jurafsky & Martin, "Byte-Pair Encoding"; Sennrich, Haddow & Birch (2016).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["encode", "train_bpe"]


def train_bpe(
    texts: Iterable[str], vocab_size: int = 8000, *, min_frequency: int = 2, lowercase: bool = True
) -> Tokenizer:
    """A byte-level BPE tokenizer learned from texts: every text has tokens in it, none is unknown.

    vocab_size: ids in all, the 256 bytes included; fewer when the texts have fewer pairs that occur `min_frequency` times.
    Ids are 0 .. `tokenizer.get_vocab_size() - 1`. Merges depend on the texts alone.
    Raises ImportError without the library, ValueError for a vocab_size below 256, TypeError for texts that are no strings.
    """
    library = _library()
    if vocab_size < 256:
        raise ValueError(f"vocab_size must be at least 256, one a byte, got {vocab_size}")
    tokenizer: Tokenizer = library.Tokenizer(library.models.BPE())
    if lowercase:
        tokenizer.normalizer = library.normalizers.Lowercase()
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        show_progress=False,
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(_strings(texts), trainer)
    return tokenizer


def encode(
    tokenizer: Tokenizer, texts: Sequence[str] | Iterable[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(ids, offsets) of texts: bag i, `ids[offsets[i]:offsets[i + 1]]`, holds the token ids of text i.

    They go into `pyffnn.ops.mean_pool` and `pyffnn.autograd.mean_pool` as they are; ids into `embedding`.
    Raises TypeError for texts that are no strings.
    """
    encodings = tokenizer.encode_batch(list(_strings(texts)))
    bags = [e.ids for e in encodings]
    offsets = np.cumsum([0, *map(len, bags)], dtype=np.int64)
    ids = np.fromiter((i for bag in bags for i in bag), np.int64, int(offsets[-1]))
    return ids, offsets


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise ImportError(
            "byte-pair encoding needs the tokenizers library: pip install 'pyffnn[tokenizers]'"
        ) from None
    return tokenizers


def _strings(texts: Iterable[str]) -> Iterable[str]:
    if isinstance(texts, (str, bytes)):
        raise TypeError(f"texts must be a list of texts, got a single {type(texts).__name__}")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts must be strings, got {type(text).__name__} at position {i}")
        yield text
