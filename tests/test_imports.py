"""`import pyffnn` needs NumPy alone and loads no more than it must."""

from __future__ import annotations

import json

from subprocesses import output_of, run_python

LOADED = """
import json, sys
import numpy
before = set(sys.modules)
import pyffnn
names = {name.split(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted(names - set(sys.stdlib_module_names))))
"""
# What is slow to load and of no use before a model is built.
LAZY = (
    "asyncio",
    "email",
    "http",
    "ssl",
    "unittest",
    "multiprocessing",
    "concurrent",
    "xml",
    "tkinter",
    "sqlite3",
    "urllib.request",
)


def test_numpy_and_own_modules_alone():
    assert set(json.loads(output_of(LOADED))) - {"numpy"} == {"pyffnn"}


def test_no_heavy_module_of_the_standard_library():
    code = "import sys, numpy; before = set(sys.modules); import pyffnn; print(*set(sys.modules) - before)"
    loaded = set(output_of(code).split())
    assert not loaded & set(LAZY)
    own = {name for name in loaded if name.startswith("pyffnn")}
    assert not any(
        name.startswith(("pyffnn.models", "pyffnn.integrations", "pyffnn.testing")) for name in own
    )


def test_it_imports_where_every_optional_package_is_missing():
    code = """
import sys
for name in (
    "fasttext", "graphviz", "matplotlib", "pandas", "pyarrow", "safetensors", "scipy", "sklearn", "thinc",
    "threadpoolctl", "tokenizers", "torch", "tqdm",
):
    sys.modules[name] = None
import numpy as np, pyffnn
pyffnn.show_config()
print(pyffnn.ops.relu(np.ones(3)).sum())
"""
    assert output_of(code).endswith("3.0")


def test_an_unused_import_leaves_no_thread_and_no_warning():
    done = run_python(
        "import os, pyffnn; print(len(os.listdir('/proc/self/task')))", PYTHONWARNINGS="error"
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_package_shows_its_public_names_alone() -> None:
    shown = output_of(
        "import sys, pyffnn\n"
        "assert dir(pyffnn) == sorted(dir(pyffnn)) == sorted(pyffnn.__all__)\n"
        "assert not {'pyffnn.ops', 'pyffnn.models', 'pyffnn.nn', 'pyffnn.plot'} & set(sys.modules)\n"
        "for name in dir(pyffnn): getattr(pyffnn, name)\n"
        "print('read')"
    )
    assert shown == "read"
