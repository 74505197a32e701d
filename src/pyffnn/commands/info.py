"""``pyffnn info``: this machine and installation, or a model file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .arguments import Commands
from .files import load_any

if TYPE_CHECKING:
    from pyffnn.formats.model_file import ModelFile

_MOST = 20  # labels, and epochs of the history, that are shown


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "info",
        help="show version, CPU features, threads and optional packages; or what a model file holds",
        description="Show version, CPU features, threads and optional packages. With MODEL: its labels, "
        "sizes, the settings that are not the defaults, the history of its training, and a checksum.",
    )
    parser.add_argument("model", nargs="?", metavar="MODEL", help="a model file")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    import json

    import pyffnn

    if args.model is not None:
        report = _report(args.model)
        if args.json:
            print(json.dumps(report, indent=2))
        else:
            print("\n".join(_lines(report)))
            summary = getattr(load_any(args.model), "summary", None)  # n-gram models have no layers
            if summary is not None:
                print(f"\n{summary()}")
    elif args.json:
        print(json.dumps(pyffnn.config(), indent=2))
    else:
        pyffnn.show_config()


def _report(path: str) -> dict[str, Any]:
    import hashlib
    import os

    from pyffnn.formats.model_file import load_model

    file = load_model(path, None)
    with open(path, "rb") as content:
        checksum = hashlib.file_digest(content, "sha256").hexdigest()
    arrays = {
        name: {"shape": list(array.shape), "dtype": str(array.dtype)}
        for name, array in file.tensors.items()
        if not name.startswith(("state.", "features.", "vocabulary."))
    }
    labels = file.config.get("classes")
    return {
        "file": path,
        "model": file.model,
        "written_by": file.library,
        "layout": file.version,
        "bytes": os.path.getsize(path),
        "sha256": checksum,
        "labels": labels if isinstance(labels, list) else None,
        "parameters": sum(file.tensors[name].size for name in arrays),
        "arrays": arrays,
        "settings": _changed(file),
        "history": file.config.get("history", []),
    }


def _changed(file: ModelFile) -> dict[str, Any]:
    """The settings that are not the constructor's defaults."""
    import inspect

    import pyffnn

    params = file.config.get("params")
    constructor = getattr(pyffnn, file.model, None)
    if not isinstance(params, dict) or constructor is None:
        return params if isinstance(params, dict) else {}
    defaults = {
        name: list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        for name, parameter in inspect.signature(constructor).parameters.items()
    }
    defaults["verbose"] = params.get("verbose")  # says nothing of the model
    return {name: value for name, value in params.items() if value != defaults.get(name)}


def _lines(report: dict[str, Any]) -> Iterator[str]:
    yield f"{'model':12} {report['model']}, written by {report['written_by'] or 'an early pyffnn'}"
    yield f"{'file':12} {report['file']}, {report['bytes']:,} bytes, layout {report['layout']}"
    yield f"{'sha256':12} {report['sha256']}"
    labels = report["labels"]
    if labels is not None:
        more = f", and {len(labels) - _MOST:,} more" if len(labels) > _MOST else ""
        yield f"{'labels':12} {len(labels):,}: {', '.join(map(str, labels[:_MOST]))}{more}"
    yield f"{'parameters':12} {report['parameters']:,}"
    for name, array in report["arrays"].items():
        shape = " x ".join(f"{n:,}" for n in array["shape"]) or "1"
        yield f"{'':12} {name}: {shape} ({array['dtype']})"
    settings = ", ".join(f"{name}={value!r}" for name, value in report["settings"].items())
    yield f"{'settings':12} {settings or 'the defaults'}"
    history = report["history"]
    if not history:
        return
    names = [name for name in history[0] if any(record.get(name) is not None for record in history)]
    widths = {name: max(len(name), 9) for name in names}
    yield ""
    yield "  ".join(f"{name:>{widths[name]}}" for name in names)
    if len(history) > _MOST:
        yield f"({len(history) - _MOST} earlier epochs)"
    for record in history[-_MOST:]:
        yield "  ".join(f"{_number(record.get(name)):>{widths[name]}}" for name in names)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
