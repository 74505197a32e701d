"""``pyffnn score``: the label and probability of every document of many files."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import Commands, say

if TYPE_CHECKING:
    from typing import IO

_BLOCK = 4096


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "score",
        help="labels and probabilities of the documents of many files",
        description="Scores the documents of each FILE and writes a file of its name into DIR: Parquet "
        "(with pyarrow) and JSON lines (plain, .gz, .zst) with two fields more, label and score; of "
        "texts, a document a line, and of rows of CSV and TSV, label and score parted by a tab. A file whose output is there is "
        "left out, so that a run that was stopped goes on by the same command.",
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="*.parquet, *.jsonl, *.json, *.csv, *.tsv, or texts",
    )
    parser.add_argument(
        "--model",
        "-m",
        required=True,
        metavar="M",
        help="a model of `pyffnn train`, or fastText's .bin or .ftz",
    )
    parser.add_argument(
        "--out", "-o", required=True, metavar="DIR", help="directory of the outputs"
    )
    parser.add_argument(
        "--column",
        metavar="C",
        help="the text's column or field (text; of CSV and TSV as `pyffnn predict` finds it)",
    )
    parser.add_argument(
        "--windows",
        type=_windows,
        metavar="N",
        help='score windows of N words, or "paragraphs", of each document',
    )
    parser.add_argument(
        "--reduce",
        choices=("mean", "max", "min", "first"),
        default="mean",
        help="what is made of windows (mean)",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads (all)")
    parser.add_argument(
        "--on-error",
        choices=("stop", "skip"),
        default="stop",
        help="what a file that is damaged or breaks off does (stop)",
    )
    parser.add_argument("--quiet", "-q", action="store_true", help="no progress")
    parser.set_defaults(run=run, parser=parser)


def _windows(text: str) -> int | str:
    if text == "paragraphs":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"invalid value {text!r}: N or paragraphs expected")
    return int(text)


def run(args: argparse.Namespace) -> None:
    if args.threads is not None and args.threads < 1:
        args.parser.error(f"argument --threads: must be at least 1, got {args.threads}")
    from pyffnn import runtime
    from pyffnn.integrations.scoring import load_scorer

    outputs: dict[Path, str] = {}
    for name in args.files:
        output = Path(args.out) / _output_name(name)
        if output in outputs:
            raise ValueError(f"{name} and {outputs[output]} would have the same output {output}")
        outputs[output] = name
    model = load_scorer(args.model)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    options = {"windows": args.windows, "reduce": args.reduce}
    progress = _Progress(args.quiet)
    skipped = []
    if args.threads is not None:
        runtime.set_num_threads(args.threads)
    for output, name in outputs.items():
        if output.exists():
            continue
        partial = output.with_name(f"{output.name}.partial-{os.getpid()}")
        try:
            _score_file(name, partial, model, args.column, options, progress)
            os.replace(partial, output)
        except (ValueError, OSError, KeyError, TypeError) as error:
            if args.on_error == "stop":
                raise ValueError(f"{name}: {error}") from error
            skipped.append(name)
            say(f"{name} is left out: {error}")
        finally:
            partial.unlink(missing_ok=True)
    progress.end()
    if skipped:
        raise ValueError(
            f"{len(skipped)} of {len(outputs)} files could not be read: {', '.join(skipped)}"
        )


def _form(name: str) -> str | None:
    """What the name says of the file's form; None: texts, a document a line."""
    from pyffnn.text.labelled import TABLES
    from pyffnn.text.opened import suffix_of

    return TABLES.get(suffix_of(name))


def _output_name(name: str) -> str:
    base = Path(name).name
    for ending in (".gz", ".zst"):
        base = base.removesuffix(ending)
    return base if _form(name) in ("parquet", "jsonl") else f"{base}.tsv"


def _score_file(
    name: str,
    output: Path,
    model: Any,
    column: str | None,
    options: dict[str, Any],
    progress: _Progress,
) -> None:
    form = _form(name)
    if form in ("csv", "tsv"):
        _score_table(name, output, model, column, options, progress)
        return
    column = column or "text"
    if form == "parquet":
        _score_parquet(name, output, model, column, options, progress)
        return
    from pyffnn.text.opened import Opened

    with Opened(name) as file, open(output, "w", encoding="utf-8") as out:
        lines = iter(file)
        number = 0
        while block := list(islice(lines, _BLOCK)):
            write = _write_json if form == "jsonl" else _write_text
            write(block, number, out, model, column, options)
            number += len(block)
            progress.add(len(block), sum(map(len, block)))


def _found(
    model: Any, texts: Sequence[str | None], options: dict[str, Any]
) -> Iterator[tuple[str | None, float | None]]:
    from pyffnn.integrations.scoring import score_texts

    for best in score_texts(model, texts, **options):
        yield best[0] if best else (None, None)


def _score_table(
    name: str,
    output: Path,
    model: Any,
    column: str | None,
    options: dict[str, Any],
    progress: _Progress,
) -> None:
    from pyffnn.text.labelled import LabelledFile, read_texts

    file = LabelledFile(name, text_column=column)
    with file, open(output, "w", encoding="utf-8") as out:
        texts = read_texts(file)
        while block := list(islice(texts, _BLOCK)):
            _write_found(block, out, model, options)
            progress.add(len(block), sum(map(len, block)))


def _write_text(
    block: list[bytes], number: int, out: IO[str], model: Any, column: str, options: dict[str, Any]
) -> None:
    texts = [line.rstrip(b"\r\n").decode("utf-8", "replace") for line in block]
    _write_found(texts, out, model, options)


def _write_found(texts: list[str], out: IO[str], model: Any, options: dict[str, Any]) -> None:
    for label, score in _found(model, texts, options):
        out.write("\n" if label is None else f"{label}\t{score:.6g}\n")


def _write_json(
    block: list[bytes], number: int, out: IO[str], model: Any, column: str, options: dict[str, Any]
) -> None:
    documents = []
    for i, line in enumerate(block, number + 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {i}: {error}") from None
        if not isinstance(document, dict) or column not in document:
            raise ValueError(f"line {i}: no object with a field {column!r}")
        if not isinstance(document[column], str | None):
            raise ValueError(f"line {i}: {column!r} must be a string, got {document[column]!r:.40}")
        documents.append(document)
    for document, (label, score) in zip(
        documents, _found(model, [d[column] for d in documents], options), strict=True
    ):
        document["label"], document["score"] = label, score
        out.write(json.dumps(document, ensure_ascii=False) + "\n")


def _score_parquet(
    name: str, output: Path, model: Any, column: str, options: dict[str, Any], progress: _Progress
) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ImportError("Parquet files need pyarrow: pip install pyarrow") from None

    writer = None
    try:
        with pq.ParquetFile(name) as file:
            for batch in file.iter_batches(_BLOCK):
                for scored in model.score_batches(batch, column=column, **options):
                    if writer is None:
                        writer = pq.ParquetWriter(output, scored.schema)
                    writer.write_batch(scored)
                progress.add(batch.num_rows, batch.nbytes)
            if writer is None:
                more = [
                    pa.field("label", pa.dictionary(pa.int32(), pa.string())),
                    pa.field("score", pa.float32()),
                ]
                writer = pq.ParquetWriter(output, pa.schema([*file.schema_arrow, *more]))
    finally:
        if writer is not None:
            writer.close()


class _Progress:
    """Documents and megabytes a second, on standard error."""

    def __init__(self, quiet: bool) -> None:
        from pyffnn.training.display import Display, display_of

        self._display = Display(None) if quiet else display_of()
        self._start = self._last = time.monotonic()
        self._documents = self._bytes = 0

    def add(self, documents: int, size: int) -> None:
        self._documents += documents
        self._bytes += size
        now = time.monotonic()
        if now - self._last > self._display.every:
            self._last = now
            self._display.show([("", self._text())], stays=False)

    def end(self) -> None:
        self._display.show([("", self._text())], stays=True)

    def _text(self) -> str:
        seconds = max(time.monotonic() - self._start, 1e-9)
        return (
            f"{self._documents:,} documents, {self._documents / seconds:,.0f} documents/s, "
            f"{self._bytes / 1e6 / seconds:,.1f} MB/s"
        )
