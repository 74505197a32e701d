"""Cases of the three models, from Python data to predictions.

All begin with random weights and random orders (NumPy's); ``keys`` marks those that draw masks or words besides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from golden import driver
from golden.numbers import integers, reals, sentences, skewed, texts, word

from pyffnn import FFNNClassifier, LanguageModel, TextClassifier
from pyffnn.nn import SGD, Adagrad, Adam, cosine


@dataclass(frozen=True)
class Case:
    fit: Callable[[Path], tuple[Any, Any]]
    """Makes a model and what it says, given an empty folder."""
    keys: bool = False
    needs: str | None = None
    """A package that the case imports."""
    n_threads: int = 0


def cases() -> dict[str, Case]:
    return {**_feedforward(), **_text(), **_language()}


def run(case: Case, folder: Path) -> dict[str, Any]:
    model, outputs = case.fit(folder)
    history = [record.get("loss", record.get("train_loss")) for record in model.history_]
    return {"weights": driver.model_weights(model), "outputs": outputs, "numbers": history}


def _feedforward() -> dict[str, Case]:
    n, width = 260, 12
    x = reals("ff x", n, width, dtype=np.float32)
    x[200:230] = x[:30]
    scores = x[:, :4] + x[:, 4:8] * x[:, 8:12]
    y = scores.argmax(axis=1)
    new = reals("ff new", 40, width, dtype=np.float32)
    names = np.array(["cat", "dog", "elk", "fox"])
    weight = integers("ff weight", 3, n).astype(float)
    out: dict[str, Case] = {}

    def add(name: str, targets: Any, fit: Any = (), then: int = 0, **params: Any) -> None:
        first = params.pop("first", False)
        settings = {"precision": "float32", "epochs": 6, "batch_size": 32, "random_state": 3}

        def go(_: Path) -> tuple[Any, Any]:
            model = FFNNClassifier(**{**settings, **params})
            if first:
                model.partial_fit(x[:100], targets[:100], classes=np.unique(targets))
            else:
                model.fit(x, targets, **dict(fit))
            for part in range(then):
                rows = slice(part * 70, part * 70 + 70)
                model.partial_fit(x[rows], targets[rows])
            return model, {"proba": model.predict_proba(new), "labels": _codes(model, new)}

        out[f"FFNNClassifier {name}"] = Case(go, keys="dropout" in params)

    add("default", y)
    add("one batch, repeats merged", y, batch_size=300, epochs=3)
    add("one batch", y, {"sample_weight": weight}, batch_size=500)
    add("binary", y > 1)
    add("binary without hidden", y > 1, hidden_layer_sizes=())
    add("without hidden", y, hidden_layer_sizes=(), l2=0.01)
    add("names", names[y], activation="tanh", hidden_layer_sizes=(20, 10))
    add("numbers", y * 2.0 - 1, activation="sigmoid", hidden_layer_sizes=9)
    add("label sets", (scores > 0.25).astype(int))
    add("momentum", y, optimizer=SGD(0.05, momentum=0.9))
    add("adagrad, cosine", y, optimizer="adagrad", learning_rate=cosine(0.05, warmup=0.1))
    add("adamw", y, optimizer=Adam(0.01, weight_decay=0.1))
    add("sgd", y, optimizer="sgd", l2=0.0)
    add("weights", y, {"sample_weight": weight}, class_weight="balanced")
    add("class weights", y, class_weight={0: 3.0, 2: 0.5})
    add("early stopping", y, early_stopping=2, epochs=30)
    held_out = {"X_val": new, "y_val": (new[:, :4] + new[:, 4:8] * new[:, 8:12]).argmax(axis=1)}
    add("validation", y, held_out, early_stopping=3, epochs=30)
    add("tol", y, tol=0.05, n_iter_no_change=2, epochs=60)
    add("dropout", y, dropout=0.3)
    add("fit, then more", y, then=3)
    add("by parts", y, then=3, first=True, optimizer="adagrad")

    def sparse(_: Path) -> tuple[Any, Any]:
        from scipy.sparse import csr_matrix

        wide = np.zeros((n, 90), np.float32)
        wide[np.arange(n)[:, None], (np.arange(width) * 7 + (y * 11)[:, None]) % 90] = x
        model = FFNNClassifier((15,), precision="float32", epochs=4, batch_size=32, random_state=1)
        model.fit(csr_matrix(wide), y).partial_fit(csr_matrix(wide[:50]), y[:50])
        return model, {"proba": model.predict_proba(csr_matrix(wide[40:90]))}

    out["FFNNClassifier sparse"] = Case(sparse, needs="scipy")
    return out


def _codes(model: Any, x: Any) -> Any:
    labels = model.predict(x)
    return np.searchsorted(model.classes_, labels) if labels.ndim == 1 else labels


def _text() -> dict[str, Case]:
    docs, y = texts("text", 240, 3)
    new, _ = texts("text new", 60, 3, words=170)
    more, more_y = texts("text more", 50, 3, words=190)
    label_sets = [["a", "b", "c"][: int(k)] for k in y]
    vectors = {word(i): reals(f"vector {i}", 12, dtype=np.float32) for i in range(0, 400, 3)}
    out: dict[str, Case] = {}

    def add(name: str, targets: Any = y, fit: Any = (), then: bool = False, **params: Any) -> None:
        from_file = params.pop("from_file", False)
        settings = {"precision": "float32", "epochs": 4, "random_state": 3, "char_ngrams": None}

        def go(folder: Path) -> tuple[Any, Any]:
            model = TextClassifier(**{**settings, **params})
            if from_file:
                path = folder / "train.txt"
                lines = [f"__label__{k} {text}" for k, text in zip(targets, docs, strict=True)]
                path.write_text("\n".join(lines) + "\n", encoding="utf-8")
                model.fit(path)
            else:
                model.fit(docs, targets, **dict(fit))
            if then:
                model.partial_fit(more, more_y)
                model.partial_fit(docs[:40], targets[:40])
            return model, {"proba": model.predict_proba(new)}

        keys = bool({"dropout", "word_dropout"} & params.keys())
        out[f"TextClassifier {name}"] = Case(go, keys=keys)

    add("default", char_ngrams="auto")
    add("auto epochs", epochs="auto")
    add("mean, hidden", hidden_layer_sizes=(20,), embedding_dim=21)
    add("mean, two hidden, adam", hidden_layer_sizes=(20, 10), optimizer="adam", activation="tanh")
    add("sqrtn", pooling="sqrtn", word_ngrams=2)
    add("sum", pooling="sum", word_ngrams=2, char_ngrams=(3, 4))
    add("sum, hidden, sgd", pooling="sum", hidden_layer_sizes=(9,), optimizer=SGD(0.01))
    add("characters", char_ngrams=(2, 5), ngram_min_count=1)
    add("buckets", word_ngrams=3, char_ngrams=(3, 3), buckets=200)
    add("counts", min_count=2, ngram_min_count=3, word_ngrams=2, lowercase=False)
    add("max_tokens", max_tokens=4, word_ngrams=2)
    add("concat", pooling="concat", hidden_layer_sizes=(20,), embedding_dim=5)
    add("concat, max_tokens", pooling="concat", max_tokens=5, optimizer="adam", min_count=2)
    add("function", tokenizer=lambda text: text.split("a"), word_ngrams=2)
    add("label sets", label_sets, multilabel=True)
    add("label matrix", np.eye(3, dtype=int)[y], multilabel=True, hidden_layer_sizes=(8,))
    add("momentum", optimizer=SGD(0.1, momentum=0.9), l2=0.0)
    add("adagrad by number", optimizer=Adagrad(0.1), batch_size=7)
    add("adamw", optimizer=Adam(cosine(0.01, warmup=0.2), weight_decay=0.1))
    add("weights", fit={"sample_weight": 1 + y % 2}, class_weight="balanced")
    add("vectors", pretrained_vectors=vectors)
    add("frozen vectors", pretrained_vectors=vectors, freeze_embeddings=True, hidden_layer_sizes=6)
    add("dropout", dropout=0.3, hidden_layer_sizes=(20,))
    add("word_dropout", word_dropout=0.3, word_ngrams=2)
    add("concat, dropouts", pooling="concat", dropout=0.2, word_dropout=0.2, hidden_layer_sizes=9)
    add("early stopping", early_stopping=2, epochs=20, validation_fraction=0.2)
    add("validation", fit={"X_val": more, "y_val": more_y}, early_stopping=2, epochs=20)
    add("file", from_file=True, word_ngrams=2)
    add("fit, then more", then=True, word_ngrams=2, char_ngrams=(3, 3))
    add("fit, then more, buckets", then=True, word_ngrams=2, buckets=100)
    add("sum, then more", then=True, pooling="sum", char_ngrams=(3, 4))
    add("vectors, then more", then=True, pretrained_vectors=vectors, optimizer="adam")
    add("concat, then more", then=True, pooling="concat", max_tokens=6)

    def by_parts(_: Path) -> tuple[Any, Any]:
        model = TextClassifier(precision="float32", hidden_layer_sizes=(8,), random_state=2)
        model.partial_fit(docs[:100], y[:100], classes=[0, 1, 2])
        model.partial_fit(docs[100:], y[100:])
        return model, {"proba": model.predict_proba(new)}

    def short(_: Path) -> tuple[Any, Any]:
        # "auto" sums from 100,000 words on
        many, labels = texts("text short", 13000, 4, words=900)
        model = TextClassifier(precision="float32", random_state=1, epochs=1, batch_size=64)
        model.fit(many, labels)
        return model, {"proba": model.predict_proba(many[:300])}

    out["TextClassifier by parts"] = Case(by_parts)
    out["TextClassifier short texts"] = Case(short, n_threads=2)
    return out


def _language() -> dict[str, Case]:
    lines = sentences("lm", 160)
    held_out = sentences("lm valid", 30)
    ids = skewed("lm ids", 90, 1500).astype(np.int32)
    out: dict[str, Case] = {}
    bare = {"dropout": 0.0, "embedding_dropout": 0.0, "word_dropout": 0.0}
    plain = {
        "distant_kernels": 0,
        "residual": False,
        "layer_norm": False,
        "tie_embeddings": False,
        "optimizer": "sgd",
        "clip_norm": None,
    }

    def add(name: str, corpus: Any = "lines", valid: Any = None, **params: Any) -> None:
        settings = {"precision": "float32", "epochs": 3, "batch_size": 128, "random_state": 2}
        sizes = {"context": 3, "embedding_dim": 14, "hidden_layer_sizes": (18,)}
        whole = {**settings, **sizes, **bare, "distant_window": 8, **params}

        def go(folder: Path) -> tuple[Any, Any]:
            data: Any = {"lines": lines, "ids": ids}.get(corpus)
            if corpus == "file":
                data = folder / "corpus.txt"
                text = "\n".join(" ".join(line) for line in lines)
                data.write_text(text + "\n", encoding="utf-8")
            model = LanguageModel(**whole).fit(data, valid=valid)
            tokens = ids[:200] if corpus == "ids" else [w for line in held_out for w in line]
            outputs = {
                "log_prob": model.log_prob(tokens),
                "distribution": model.next_distribution(tokens[:20]),
            }
            return model, outputs

        sampled = whole.get("output") == "sampled"
        keys = sampled or any(whole[k] != 0 for k in bare)  # None is not 0
        out[f"LanguageModel {name}"] = Case(go, keys=keys)

    add("without dropout")
    add("with dropouts", **dict.fromkeys(bare, 0.25))
    add("one dropout", dropout=0.25, embedding_dropout=None)
    add("plain", **plain)
    add(
        "plain, relu, two layers", **(plain | {"hidden_layer_sizes": (18, 9), "activation": "relu"})
    )
    add("plain, direct, no hidden", **(plain | {"hidden_layer_sizes": (), "direct": True}))
    add("plain, adagrad, l2", **(plain | {"optimizer": "adagrad", "l2": 1e-4}))
    add(
        "plain, momentum, clip", **(plain | {"optimizer": SGD(0.1, momentum=0.9), "clip_norm": 0.5})
    )
    add("untied", tie_embeddings=False, hidden_layer_sizes=(18, 15))
    add("adaptive", tie_embeddings=False, output="adaptive", cutoffs=(20, 60), clip_norm=None)
    add("adaptive, direct", tie_embeddings=False, output="adaptive", direct=True, clip_norm=None)
    add("sampled", output="sampled", samples=40)
    add("sampled, untied", output="sampled", samples=40, tie_embeddings=False, clip_norm=None)
    add("direct n-grams", direct_ngrams=50)
    add("direct n-grams, dropouts", direct_ngrams=True, **dict.fromkeys(bare, 0.25))
    add("sizes by the corpus", embedding_dim=None, hidden_layer_sizes=None, dropout=None, embedding_dropout=None)  # fmt: skip
    add("ids", "ids", batch_size=None, epochs=None)
    add("ids, vocabulary", "ids", vocabulary=100)
    add("file", "file", eos_token="</s>", min_count=2)
    add("small vocabulary", max_vocab=40, lowercase=True)
    add("fixed vocabulary", vocabulary=[word(i) for i in range(60)])
    add("validation", valid=held_out)
    add("early stopping", early_stopping=2, epochs=12, learning_rate=0.05)
    add("schedule", learning_rate=cosine(0.005, warmup=0.1), activation="gelu")
    return out
