"""Embeddings as input: one-hot vectors, pooling and concatenation, byte-pair tokens, and a table learned from tweets.

python examples/embeddings.py [DIRECTORY for the pictures]
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import tweets

from pyffnn import ops, plot
from pyffnn.autograd import cross_entropy, linear, mean_pool, variable
from pyffnn.features import load_lexicon, tokenize
from pyffnn.integrations.tokenizers import encode, train_bpe

WORDS = """thanks great love good best happy better amazing awesome please help free
    no cancelled delayed worst lost bad hate sad fail
    the a and is of for phone store""".split()


def main(pictures: Path) -> None:
    one_hot_pooling_concatenation()
    texts, labels = tweets.load(("negative", "positive"))
    y = (labels == "positive").astype(np.int64)
    byte_pairs(texts[:4000], y[:4000], texts[4000:6000], y[4000:6000])
    word_map(pictures / "embedding_map.png")


def one_hot_pooling_concatenation() -> None:
    rng = np.random.default_rng(0)
    E = rng.standard_normal((7, 4))  # V = 7 words, d = 4
    ids = np.array([3, 0, 6])
    one_hot = np.eye(7)[ids]
    assert (ops.matmul(one_hot, E) == ops.embedding(E, ids)).all()
    print("one-hot times E = rows", ids, "of E")

    bags = ops.mean_pool(E, [3, 0, 6, 2, 2], offsets=[0, 3, 5])
    print("mean pooling of texts (3, 0, 6) and (2, 2):", bags.shape)
    assert np.allclose(bags[0], E[ids].mean(axis=0)) and np.allclose(bags[1], E[2])
    concatenated = ops.embedding(E, ids[None]).reshape(1, -1)
    print("concatenation of 3 words:", concatenated.shape)


def byte_pairs(texts: list[str], y: np.ndarray, test_texts: list[str], test_y: np.ndarray) -> None:
    tokenizer = train_bpe(texts, vocab_size=2000)
    sample = "unbelievably lowercased!"
    print(f"BPE of {sample!r}:", tokenizer.encode(sample).tokens)
    E, W, b = train(*encode(tokenizer, texts), y, tokenizer.get_vocab_size())
    logits = ops.linear(ops.mean_pool(E, *encode(tokenizer, test_texts)), W, b)
    print(
        f"tweets by mean-pooled BPE embeddings: accuracy {(logits.argmax(axis=1) == test_y).mean():.3f}"
    )


def word_map(path: Path) -> None:
    texts, labels = tweets.load()
    tokens = [tokenize(t) for t in texts[:12000]]
    y = np.unique(labels, return_inverse=True)[1][:12000]
    counts = Counter(t for text in tokens for t in set(text))
    vocabulary = [w for w, n in counts.most_common() if n >= 5]
    number = {w: i for i, w in enumerate(vocabulary)}
    bags = [[number[t] for t in text if t in number] for text in tokens]
    offsets = np.cumsum([0, *map(len, bags)])
    E, *_ = train(np.concatenate(bags).astype(np.int64), offsets, y, len(vocabulary), rate=300)

    lexicon = load_lexicon()
    groups = {w: "in neither list" for w in WORDS if w in number}
    groups |= {w: "positive in the lexicon" for w in groups if w in lexicon.positive}
    groups |= {w: "negative in the lexicon" for w in groups if w in lexicon.negative}
    plot.embedding_map(
        E[[number[w] for w in groups]],
        list(groups),
        path,
        groups=list(groups.values()),
        title="word embeddings learned from tweets",
    )


def train(
    ids: np.ndarray, offsets: np.ndarray, y: np.ndarray, vocabulary: int, rate: float = 200
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean-pooled embeddings into a softmax layer, by full gradient descent on a graph."""
    rng = np.random.default_rng(0)
    n_classes = int(y.max()) + 1
    E = variable(rng.normal(0, 0.1, (vocabulary, 16)).astype(np.float32), "E")
    W = variable(rng.normal(0, 0.1, (16, n_classes)).astype(np.float32), "W")
    b = variable(np.zeros(n_classes, np.float32), "b")
    for _ in range(60):
        loss = cross_entropy(linear(mean_pool(E, ids, offsets), W, b), y)
        loss.backward()
        E.value -= rate * E.grad  # few texts touch a row, so its gradient is small
        W.value -= 2 * W.grad
        b.value -= 2 * b.grad
    return E.value, W.value, b.value


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
