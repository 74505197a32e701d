"""spaCy: the component `pyffnn_textcat`, a `TextClassifier` in a pipeline, and a callback that runs spaCy on `PyffnnOps`.

Both are found by their entry points, without an import: ``nlp.add_pipe("pyffnn_textcat")``, and in a config
``[nlp.before_creation]`` or ``[initialize.before_init]`` with ``@callbacks = "pyffnn.use_ops.v1"``.
"""

# No `from __future__ import annotations` here: spaCy checks a factory's arguments by its annotations, which must be types, not strings.
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.text_classifier import TextClassifier
from pyffnn.models.text_classifier.start import prepare

try:
    import srsly
    from spacy import util
    from spacy.errors import Errors
    from spacy.language import Language
    from spacy.pipeline.textcat import TextCategorizer, textcat_score
    from spacy.pipeline.textcat_multilabel import textcat_multilabel_score
    from spacy.tokens import Doc
    from spacy.training import Example, validate_examples, validate_get_examples
    from spacy.vocab import Vocab
    from thinc.api import Model, get_ops, set_current_ops
except ImportError as error:
    raise ImportError(
        f"pyffnn.integrations.spacy needs spaCy 3.8 or newer: pip install 'pyffnn[spacy]' ({error})"
    ) from error

__all__ = ["PyffnnTextCategorizer", "make_textcat", "use_ops_callback"]

_MODEL = "model.safetensors"


class PyffnnTextCategorizer(TextCategorizer):  # type: ignore[misc]
    """A `pyffnn.TextClassifier` over the words of spaCy's tokenizer, used like spaCy's own `textcat`.

    `initialize` makes the vocabulary of all examples that it gets; words that come up later get rows of their own. `update` makes one
    pass over its examples with the classifier's own optimizer and rate: of ``sgd`` it makes no use; ``drop`` is the classifier's dropout.
    An example without a label is left out of the training of exclusive classes; a label that it does not name counts as absent.
    Labels cannot be added after `initialize`.

    Parameters
    ----------
    vocab, name
        As of any pipe.
    exclusive_classes
        A text has one label (probabilities sum to 1), or any number of them (a probability each).
    threshold
        From which probability on the scorer counts a label, where classes are not exclusive.
    settings
        Arguments of `TextClassifier` by name, such as ``{"word_ngrams": 2}``. ``multilabel`` and ``tokenizer`` follow from the rest.
    scorer
        None: spaCy's of `textcat` or `textcat_multilabel`.

    Attributes
    ----------
    classifier : the `TextClassifier`
    labels : tuple of str
    """

    def __init__(
        self,
        vocab: Vocab,
        name: str = "pyffnn_textcat",
        *,
        exclusive_classes: bool = True,
        threshold: float = 0.5,
        settings: dict[str, Any] | None = None,
        scorer: Callable[..., Any] | None = None,
    ) -> None:
        settings = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in (settings or {}).items()
        }
        for key in ("multilabel", "tokenizer"):
            if key in settings:
                raise ValueError(
                    f"settings must not hold {key!r}: it follows from "
                    + ("exclusive_classes" if key == "multilabel" else "spaCy's tokenizer")
                )
        self.vocab = vocab
        self.name = name
        self.model = Model("pyffnn_textcat", self._forward, dims={"nO": None})
        self.exclusive = bool(exclusive_classes)
        self.classifier = TextClassifier(**settings, multilabel=not self.exclusive)
        self.cfg: dict[str, Any] = {"labels": [], "threshold": threshold}
        if self.exclusive:
            self.cfg["positive_label"] = None
        if scorer is None:
            scorer = textcat_score if self.exclusive else textcat_multilabel_score
        self.scorer = scorer
        self._rehearsal_model = None

    @property
    def _ready(self) -> bool:
        return self.classifier._fitted is not None

    @property
    def support_missing_values(self) -> bool:
        return False

    def _forget(self) -> None:
        self.classifier = TextClassifier(**self.classifier.get_params())

    def _allow_extra_label(self) -> None:
        if self._ready:
            raise ValueError(
                f"labels of {self.name!r} cannot be added after nlp.initialize: it has {self.labels}"
            )

    # prediction

    def _forward(self, model: Any, docs: Any, is_train: bool) -> Any:
        """The Thinc model of the pipe: it predicts; training goes by `update`."""

        def backprop(_: Any) -> Any:
            raise NotImplementedError(
                "pyffnn_textcat trains by update(), not through its Thinc model"
            )

        return self.predict(docs), backprop

    def predict(self, docs: Iterable[Doc]) -> NDArray[np.float32]:
        """Probabilities [docs, labels], in the order of `labels`; zeros where no document has a token."""
        docs = list(docs)
        if not any(len(doc) for doc in docs):
            return np.zeros((len(docs), len(self.labels)), np.float32)
        if not self._ready:
            raise ValueError(Errors.E109.format(name=self.name))
        found = self.classifier.predict_proba(list(_texts(docs)))
        return found[:, self._columns()]

    def _columns(self) -> NDArray[np.int64]:
        place = {label: i for i, label in enumerate(self.classifier.classes_.tolist())}
        return np.array([place[label] for label in self.labels], np.int64)

    # training

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Iterable[str] | None = None,
        positive_label: str | None = None,
    ) -> None:
        """Labels and vocabulary from the examples, random weights.

        labels: those to have, in this order; None: those of the examples. positive_label: of two exclusive ones, that which the scorer
        reports. Raises ValueError for fewer than two exclusive labels, or none, and for annotations other than 0 and 1.
        """
        validate_get_examples(get_examples, "PyffnnTextCategorizer.initialize")
        self._validate_categories(get_examples())
        if positive_label is not None and not self.exclusive:
            raise TypeError("positive_label is for exclusive classes")
        self._forget()
        if labels is None:
            labels = (cat for example in get_examples() for cat in example.y.cats)
        for label in labels:
            self.add_label(label)
        if self.exclusive and len(self.labels) < 2:
            raise ValueError(Errors.E867)
        self._require_labels()
        if positive_label is not None:
            if positive_label not in self.labels:
                raise ValueError(Errors.E920.format(pos_label=positive_label, labels=self.labels))
            if len(self.labels) != 2:
                raise ValueError(Errors.E919.format(pos_label=positive_label, labels=self.labels))
        if self.exclusive:
            self.cfg["positive_label"] = positive_label
        texts = list(_texts(example.reference for example in get_examples()))
        if not texts:
            raise ValueError(Errors.E923.format(name=self.name))
        y = [self.labels[0]] if self.exclusive else [(self.labels[0],)]
        prepare(self.classifier, texts, y * len(texts), sorted(self.labels))
        self.model.set_dim("nO", len(self.labels), force=True)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Any = None,
        losses: dict[str, float] | None = None,
    ) -> dict[str, float]:
        """One pass over the examples; adds the mean loss of a text to ``losses[name]``."""
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "PyffnnTextCategorizer.update")
        self._validate_categories(examples)
        if not self._ready:
            raise ValueError(Errors.E109.format(name=self.name))
        docs, y = [], []
        for example in examples:
            cats = example.reference.cats
            chosen = tuple(label for label in self.labels if cats.get(label))
            if self.exclusive and not chosen:
                continue
            docs.append(example.predicted)
            y.append(chosen[0] if self.exclusive else chosen)
        if not any(len(doc) for doc in docs):
            return losses
        self.classifier.dropout = drop
        self.classifier.partial_fit(list(_texts(docs)), y)
        losses[self.name] += float(self.classifier._state().history[-1]["loss"])
        return losses

    def rehearse(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, float]:
        raise NotImplementedError(f"{self.name!r} has no rehearsal: update it with old examples")

    def _validate_categories(self, examples: Iterable[Example]) -> None:
        for example in examples:
            values = list(example.reference.cats.values())
            if self.exclusive and values.count(1.0) > 1:
                raise ValueError(Errors.E895.format(value=example.reference.cats))
            for value in values:
                if value not in (0.0, 1.0):
                    raise ValueError(Errors.E851.format(val=value))

    # storage

    def _model_bytes(self) -> bytes:
        if not self._ready:
            return b""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, _MODEL)
            self.classifier.save(path)
            return path.read_bytes()

    def _read_model(self, data: bytes) -> None:
        if not data:
            self._forget()
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, _MODEL)
            path.write_bytes(data)
            self.classifier = TextClassifier.load(path)

    def _read_cfg(self, cfg: dict[str, Any]) -> None:
        self.cfg.update(cfg)
        if self.labels:
            self.model.set_dim("nO", len(self.labels), force=True)
        for label in self.labels:
            self.vocab.strings.add(label)

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The component with what it has learned."""
        parts: dict[str, Callable[[], Any]] = {
            "cfg": lambda: srsly.json_dumps(self.cfg),
            "model": self._model_bytes,
        }
        if self.vocab is not None:
            parts["vocab"] = lambda: self.vocab.to_bytes(exclude=exclude)
        found: bytes = util.to_bytes(parts, exclude)
        return found

    def from_bytes(self, bytes_data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Take over what `to_bytes` wrote; ValueError where it is damaged."""
        util.from_bytes(
            bytes_data,
            {
                "cfg": lambda b: self._read_cfg(srsly.json_loads(b)),
                "vocab": lambda b: self.vocab.from_bytes(b, exclude=exclude),
                "model": self._read_model,
            },
            exclude,
        )
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Into a folder: "cfg" and "model.safetensors", which `TextClassifier.load` reads too."""

        def save(p: Path) -> None:
            if self._ready:
                self.classifier.save(p)

        parts: dict[str, Callable[[Path], None]] = {
            "cfg": lambda p: srsly.write_json(p, self.cfg),
            "vocab": lambda p: self.vocab.to_disk(p, exclude=exclude),
            _MODEL: save,
        }
        util.to_disk(path, parts, exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Self:
        """Take over what `to_disk` wrote."""

        def load(p: Path) -> None:
            if p.exists():
                self.classifier = TextClassifier.load(p)
            else:
                self._forget()

        util.from_disk(
            path,
            {
                "cfg": lambda p: self._read_cfg(srsly.read_json(p)),
                "vocab": lambda p: self.vocab.from_disk(p, exclude=exclude),
                _MODEL: load,
            },
            exclude,
        )
        return self


def _texts(docs: Iterable[Doc]) -> Iterator[str]:
    """The words of spaCy's tokenizer with blanks between them, at which the classifier cuts."""
    for doc in docs:
        yield " ".join([token.text for token in doc])


@Language.factory(  # type: ignore[untyped-decorator]
    "pyffnn_textcat",
    assigns=["doc.cats"],
    default_config={
        "exclusive_classes": True,
        "threshold": 0.5,
        "settings": {},
        "scorer": None,
    },
    default_score_weights={
        "cats_score": 1.0,
        "cats_score_desc": None,
        "cats_micro_p": None,
        "cats_micro_r": None,
        "cats_micro_f": None,
        "cats_macro_p": None,
        "cats_macro_r": None,
        "cats_macro_f": None,
        "cats_macro_auc": None,
        "cats_f_per_type": None,
    },
)
def make_textcat(
    nlp: Language,
    name: str,
    exclusive_classes: bool,
    threshold: float,
    settings: dict[str, Any],
    scorer: Callable[..., Any] | None,
) -> PyffnnTextCategorizer:
    """The factory behind ``nlp.add_pipe("pyffnn_textcat", config={...})``; arguments as of `PyffnnTextCategorizer`."""
    return PyffnnTextCategorizer(
        nlp.vocab,
        name,
        exclusive_classes=exclusive_classes,
        threshold=threshold,
        settings=settings,
        scorer=scorer,
    )


def use_ops_callback() -> Callable[[Any], Any]:
    """ "pyffnn.use_ops.v1": makes `PyffnnOps` Thinc's operations, then hands on what it was given."""

    def use_ops(given: Any) -> Any:
        set_current_ops(get_ops("pyffnn"))
        return given

    return use_ops
