"""The command line, run in this process."""

from __future__ import annotations

from pyffnn.cli import main


def failed(capsys, argv):
    """The one line that a failing command writes."""
    assert main([str(arg) for arg in argv]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("pyffnn: ") and err.count("\n") == 1, err
    return err
