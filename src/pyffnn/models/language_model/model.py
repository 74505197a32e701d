"""The neural language model: a feedforward network over a window of words."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus import (
    StreamSource,
    Vocabulary,
    VocabularyLike,
    is_ids,
    read_corpus,
)
from pyffnn.formats.model_file import PathLike
from pyffnn.models.arguments import check_integer, patience_of
from pyffnn.models.decoding import best_ids
from pyffnn.models.fitted import twin
from pyffnn.models.language_model import recipe
from pyffnn.models.language_model.answers import WordVectors
from pyffnn.models.language_model.state import LanguageModelFitted
from pyffnn.models.language_model.storage import StoredLanguageModel
from pyffnn.models.language_model.unseen import stand_in
from pyffnn.models.names import Activation, OptimizerLike, Precision, RandomState, WordOutput
from pyffnn.net import Network
from pyffnn.optimizers import Adam, LearningRate
from pyffnn.training import (
    Callbacks,
    Plan,
    Progress,
    Record,
    Run,
    Saving,
    State,
    Validated,
    Windows,
    as_callbacks,
    by_loss,
    fingerprint,
    perplexity,
    seed_of,
)

__all__ = ["LanguageModel"]

_ADAMW = Adam(2e-3, weight_decay=0.1)


class LanguageModel(WordVectors, StoredLanguageModel):
    """Feedforward language model (Bengio et al. 2003; Jurafsky & Martin, chapter on neural networks).

    The embeddings of the last ``context`` words, end to end, and of ``distant_kernels`` learned
    position-weighted means of the ``distant_window`` words before those (Sun & Iyyer 2021) go through
    hidden layers to a softmax over the whole vocabulary. ``distant_kernels=0, residual=False,
    layer_norm=False, tie_embeddings=False`` is the chapter's plain model.

    The text is one stream: sentences stand end to end, and a window reaches across a sentence end,
    with or without an ``eos_token``. A word before the start of the stream is a zero vector, as is
    one dropped by ``word_dropout``.

    Parameters
    ----------
    context
        Words in the window, N >= 1.
    distant_kernels, distant_window
        Number of learned means, and how many earlier words each covers; 0 kernels: none.
    embedding_dim
        Numbers a word, d. None: by the size of the corpus, 100 to 320.
    hidden_layer_sizes
        Units of each hidden layer; ``()``: none. None: by the size of the corpus, from (200,) to (1024, 1024).
    activation
        "tanh", "relu", "sigmoid", "gelu" (its tanh form) or "identity".
    residual
        Hidden layers add to a stream of d numbers (tied) or of the last layer's size (untied):
        ``r += W2 act(W1 norm(r))``; else each layer replaces the one before it.
    layer_norm
        Layer normalisation (Ba et al. 2016): of the stream before each residual layer and before
        the softmax, or of each plain layer before its activation.
    direct
        Direct connections from the input to the softmax (Bengio et al.'s W).
    direct_ngrams
        Rows of their own for the last 2, 3 and 4 words (as far as the window has them), which join the input: looked up in a table by
        two hashes each, 16 numbers a hash, behind a gate that learns from them when to open. An n-gram is dropped whole at the rate
        ``dropout`` in training. True: a table by the size of the corpus; a number: so many rows for each length and hash.
    tie_embeddings
        The softmax's weights are the embeddings (Press & Wolf 2017); the hidden layers then end
        with d numbers.
    output
        "softmax": the whole vocabulary at each step. For large vocabularies (50,000 and more):
        "adaptive", clusters by frequency with fewer numbers for rarer words (Grave et al. 2017): fast
        in training and use alike, at some cost in perplexity for rare words, and never tied;
        "sampled", sampled softmax (Jean et al. 2015) in training and the whole softmax in use: the
        fastest training, with noisier gradients; use costs as much as "softmax".
    cutoffs
        Adaptive: frequency ranks at which a cluster begins; None: a 25th and a fifth of all words.
    samples
        Sampled: words drawn a step, by a log-uniform distribution over frequency ranks.
    vocabulary, min_count, max_vocab, unk_token, eos_token, lowercase
        As in `KneserNeyLM`: a fixed vocabulary, or limits for one built from the corpus.
        ``min_count=None``: 4 for a corpus of 100,000 tokens and more, else 1. Where a corpus has few
        unknown words or none, half of the words that occur once (but one in 2,000 tokens at least) count
        as ``unk_token`` in training, so that unknown words get the probability that new words have. Words of a
        fixed vocabulary that training never met stand as unknown words do.
    optimizer, learning_rate
        "sgd", "momentum", "adagrad", "adam", or a settings object of `pyffnn.nn`; a plain rate falls in
        a straight line to 0 after a warm-up of 2 % of the steps, a schedule does as it says. Embeddings
        that are not tied have lazy updates: rows that a batch does not touch rest. Weight decay
        concerns matrices only.
    epochs, batch_size
        None: by the size of the corpus, from 15 epochs of batches of 128 tokens for 30,000 tokens to 2 of 512 for 100 million; more
        epochs where there are many tokens for each word of the vocabulary. A batch is made of runs of neighbouring tokens
        where there are distant means, else of single tokens.
    dropout
        Rate at which hidden units and the numbers of the softmax's input are dropped. There, 128
        examples of a batch share a mask, so that its products leave out what is dropped (Graham et
        al. 2015, "Efficient batchwise dropout training using submatrices"); elsewhere each example
        has its own. None: by the size of the corpus, 0.5 down to 0.1.
    embedding_dropout
        The same for the numbers of the input. None: ``dropout``, and where that is None, too, by the size of the corpus, 0.4 down
        to 0.1.
    word_dropout
        Rate at which whole words of the input are dropped.
    l2
        Added to the gradient: ``l2 * w`` for matrices.
    clip_norm
        Greatest norm of the gradient of all weights together; None: no limit. With a limit the
        gradient of every matrix is held in memory.
    early_stopping
        False, or the number of epochs without a better validation loss after which training
        stops (True: 5).
    validation_fraction
        Share of the corpus, from its end, held out for validation where early stopping needs it
        and ``fit`` gets no ``valid``.
    precision
        How the products of the layers and of the softmax are taken (see `pyffnn.ops`): "float32",
        "bfloat16x6", "bfloat16x3", "bfloat16" (24, 17 and 8 bits of each number), or "auto", the fastest
        of those whose error is no larger than float32's (the first two) on this machine. None:
        `pyffnn.get_default_precision()`, which is "float32" unless told otherwise: the same bits on
        every machine with FMA. The bf16 modes need AMX and run in float32 with a warning where there is
        none. Weights, the optimizer's state and results are float32.
    n_threads
        1 to 1024; None: as `pyffnn.get_num_threads`. The result does not depend on it.
    random_state
        Seed of everything random: an integer, a NumPy RandomState or Generator, or None for a fresh
        one. Same seed, same data: the same bits.
    verbose
        1: progress on standard error.

    Attributes
    ----------
    vocabulary_ : WordVocabulary or IdVocabulary
    embeddings_ : float32 array, shape (V, d)
        Live: writing into it changes the model.
    history_ : list of dict
        One an epoch: epoch (from 1), loss (mean natural negative log-probability of the training
        tokens, under dropout), val_loss, val_perplexity (None without validation data), seconds,
        tokens_per_second, examples_per_second, learning_rate (the last).
    best_epoch_ : int or None
        Epoch of the lowest validation loss, whose weights the model has; None without validation
        data.
    n_parameters_ : int
    recipe_ : dict
        What the arguments that were None became: embedding_dim, hidden_layer_sizes, dropout, embedding_dropout.
    """

    def __init__(
        self,
        context: int = 4,
        *,
        distant_kernels: int = 8,
        distant_window: int = 128,
        embedding_dim: int | None = None,
        hidden_layer_sizes: int | Sequence[int] | None = None,
        activation: Activation = "gelu",
        residual: bool = True,
        layer_norm: bool = True,
        direct: bool = False,
        direct_ngrams: bool | int = False,
        tie_embeddings: bool = True,
        output: WordOutput = "softmax",
        cutoffs: Sequence[int] | None = None,
        samples: int = 4096,
        vocabulary: VocabularyLike | None = None,
        min_count: int | None = None,
        max_vocab: int | None = None,
        unk_token: str = "<unk>",
        eos_token: str | None = None,
        lowercase: bool = False,
        optimizer: OptimizerLike = _ADAMW,
        learning_rate: LearningRate | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        dropout: float | None = None,
        embedding_dropout: float | None = None,
        word_dropout: float = 0.05,
        l2: float = 0.0,
        clip_norm: float | None = 1.0,
        early_stopping: bool | int = False,
        validation_fraction: float = 0.1,
        precision: Precision | None = None,
        n_threads: int | None = None,
        random_state: RandomState = 0,
        verbose: int = 0,
    ) -> None:
        self.context = context
        self.distant_kernels = distant_kernels
        self.distant_window = distant_window
        self.embedding_dim = embedding_dim
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.residual = residual
        self.layer_norm = layer_norm
        self.direct = direct
        self.direct_ngrams = direct_ngrams
        self.tie_embeddings = tie_embeddings
        self.output = output
        self.cutoffs = cutoffs
        self.samples = samples
        self.vocabulary = vocabulary
        self.min_count = min_count
        self.max_vocab = max_vocab
        self.unk_token = unk_token
        self.eos_token = eos_token
        self.lowercase = lowercase
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.dropout = dropout
        self.embedding_dropout = embedding_dropout
        self.word_dropout = word_dropout
        self.l2 = l2
        self.clip_norm = clip_norm
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.precision = precision
        self.n_threads = n_threads
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        corpus: StreamSource,
        *,
        valid: StreamSource | None = None,
        callbacks: Callbacks = (),
        checkpoint: PathLike | None = None,
        checkpoint_steps: int | None = None,
        checkpoint_seconds: float = 60.0,
        resume: PathLike | bool = False,
        memmap: PathLike | None = None,
    ) -> Self:
        """Train on a corpus.

        Parameters
        ----------
        corpus
            A path (UTF-8 text, one sentence a line), an iterable of token lists, or a 1-D integer
            array (ids as they are; the vocabulary is ``0 .. largest id``). An int32 array is used
            where it lies, also a memory-mapped one larger than memory.
        valid
            Validation data of the same kinds, looked at after each epoch; the model then has the
            weights of the epoch with the lowest loss on them.
        callbacks
            A function or several, called as ``callback(model, record)`` after each epoch with its
            entry of ``history_``; the model then shows the state being trained. Training ends when
            one returns True.
        checkpoint
            File that the run is saved to, atomically: after each epoch, every
            ``checkpoint_seconds`` seconds, and every ``checkpoint_steps`` steps.
        resume
            A checkpoint to go on from, or True: ``checkpoint`` if that file exists, else begin.
            Corpus and settings must be those of the run that wrote it (``n_threads`` and
            ``verbose`` apart); the result has the same bits as that of an unbroken run.
        memmap
            A file that the ids of a text corpus are written to and used from, for one larger than
            memory.

        Raises
        ------
        ValueError
            A setting out of range, an empty corpus, one not longer than the window, a damaged
            checkpoint or one of another run, ...
        FloatingPointError
            The loss became non-finite. The error's ``model`` is at its last good state; this one
            has it too if it had none, else is as it was.
        KeyboardInterrupt
            In training, with ``model`` in the best state so far in the same way.
        OSError
            A file cannot be written; the last checkpoint stays as it was.
        """
        saving = Saving(checkpoint, checkpoint_steps, checkpoint_seconds, resume)
        recipe.check(self)
        saved = saving.open(type(self).__name__)
        seed = seed_of(self.random_state)
        if saved is not None and not isinstance(self.random_state, (int, np.integer)):
            seed = saved.seed
        data = read_corpus(
            corpus,
            valid=valid,
            vocabulary=self.vocabulary,
            min_count=self.min_count,
            max_vocab=self.max_vocab,
            unk_token=self.unk_token,
            eos_token=self.eos_token,
            lowercase=self.lowercase,
            memmap=memmap,
        )
        ids, held_out, vocabulary = data
        if vocabulary.unk_id is not None and not (is_ids(corpus) and isinstance(ids, np.memmap)):
            ids = recipe.train_unknown(ids, vocabulary.unk_id)
        patience = patience_of(self.early_stopping)
        if held_out is None and patience is not None:
            ids, held_out = recipe.split(ids, self.validation_fraction)
        if ids.size <= self.context:
            raise ValueError(
                f"corpus must be longer than the window of context={self.context} words, "
                f"got {ids.size} tokens"
            )
        sizes = recipe.sizes(self, len(vocabulary), ids.size)
        counts = np.bincount(ids, minlength=len(vocabulary)).astype(np.int64)
        by_frequency = None if self.output == "softmax" else np.argsort(-counts, kind="stable")
        network = Network(recipe.network_spec(self, len(vocabulary), seed, ids.size), by_frequency)
        fitted = LanguageModelFitted(network, seed, [], {}, vocabulary)
        data_id = {}
        if saving.wanted:
            data_id["train"] = fingerprint(ids)
            if held_out is not None:
                data_id["valid"] = fingerprint(held_out)
        state, best = State(), None

        def restart() -> None:
            network.initialise(seed, counts)

        if saved is not None:
            self._check_same_run(saved, vocabulary, data_id)
            state, best = saved.state(), saved.best()
            restart = partial(saved.continue_in, network)
        fitted = twin(fitted, history=state.history)  # to which training appends
        restart()
        plan = Plan(
            epochs=sizes.epochs,
            batches=Windows(
                ids.size, sizes.batch_size, recipe.segment(self, sizes.batch_size), seed
            ),
            schedule=recipe.schedule(self),
            settle=None if self.output == "adaptive" else stand_in(counts, vocabulary.unk_id),
            validate=None if held_out is None else _validator(fitted, held_out, self._threads()),
            complete=_complete,
            score=by_loss,
            keep_best=held_out is not None,
            patience=patience,
            guess=float(np.log(len(vocabulary))) if len(vocabulary) > 1 else None,
            n_threads=self._threads(),
        )
        checkpoints = saving.checkpoints(
            type(self).__name__,
            lambda: (self._file_config(fitted), self._file_tensors(fitted)),
            data_id,
        )
        run = Run(
            network,
            fitted.stream(ids),
            plan,
            restart=restart,
            state=state,
            best=best,
            progress=Progress(self.verbose, unit="tokens"),
            checkpoints=checkpoints,
        )
        self._train(run, fitted, as_callbacks(callbacks))
        return self

    def nearest_words(self, word: str | int, k: int = 10) -> list[tuple[str | int, float]]:
        """The ``k`` words whose embeddings have the greatest cosine with that of ``word``.

        ValueError for a word outside the vocabulary.
        """
        fitted = self._state()
        k = check_integer("k", k, 1)
        vocabulary = fitted.vocabulary
        if word not in vocabulary:
            raise ValueError(f"{word!r} is not in the vocabulary")
        at = int(vocabulary.encode([word])[0])  # type: ignore[list-item]
        table = np.asarray(fitted.embeddings, np.float64)
        lengths = np.linalg.norm(table, axis=1)
        cosines = table @ table[at] / np.maximum(lengths * lengths[at], 1e-300)
        cosines[at] = -np.inf
        best = best_ids(cosines, min(k, len(cosines) - 1))
        return list(zip(vocabulary.decode(best), cosines[best].tolist(), strict=True))

    @property
    def vocabulary_(self) -> Vocabulary:  # type: ignore[override]
        return self._state().vocabulary

    @property
    def embeddings_(self) -> NDArray[np.float32]:
        return self._state().embeddings

    @property
    def n_parameters_(self) -> int:
        return sum(w.size for w in self._state().network.parameters().values())

    @property
    def recipe_(self) -> recipe.Chosen:
        spec = self._state().network.spec
        return {
            "embedding_dim": spec["dim"],
            "hidden_layer_sizes": tuple(spec["hidden"]),
            "dropout": spec["dropout"],
            "embedding_dropout": spec["embedding_dropout"],
        }

    @property
    def best_epoch_(self) -> int | None:
        found = [
            (loss, record["epoch"])
            for record in self._state().history
            if (loss := record["val_loss"]) is not None
        ]
        return min(found)[1] if found else None

    def _check_fitted(self) -> None:
        self._state()

    def _one_state(self) -> AbstractContextManager[None]:
        return self._showing(self._state())

    def _reach(self) -> int:
        spec = self._state().network.spec
        return int(spec["context"] + spec["distant_window"])

    def _threads(self) -> int:
        return self.n_threads or 0

    def _log_prob_of_ids(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        with (network := self._state().network).reading():
            fitted = self._of(network)
            stream = fitted.stream(np.ascontiguousarray(ids))
            return fitted.network.log_prob(*stream, 0, ids.size, self._threads())

    def _next_of_ids(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        with (network := self._state().network).reading():
            fitted = self._of(network)
            return fitted.network.distribution(np.ascontiguousarray(ids), self._threads())


def _validator(fitted: LanguageModelFitted, ids: NDArray[np.int32], n_threads: int) -> Any:
    stream = fitted.stream(ids)

    def validate(network: Network) -> Validated:
        loss, weight, _ = network.evaluate(*stream, None, n_threads, accuracy=False)
        return {"val_loss": loss / weight, "val_perplexity": perplexity(loss / weight)}

    return validate


def _complete(record: Record) -> None:
    record["tokens_per_second"] = record["examples_per_second"]
    record["val_perplexity"] = None
