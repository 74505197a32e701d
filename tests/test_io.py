"""Model files: round trips, atomic replacement, and every way in which a file can be wrong."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy as safetensors_numpy

from pyffnn.io import VERSION, load_model, save_model, write_atomic

CONFIG = {"a": 1, "b": [0.25, None, "höhe"], "c": {"d": True}}


@pytest.fixture
def tensors() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "bytes": rng.integers(0, 255, 7).astype(np.uint8),
        "weights": rng.standard_normal((3, 5)).astype(np.float32),
        "empty": np.zeros((0, 4), np.float32),
        "scalar": np.array(2.5),
        "ids": np.arange(6, dtype=np.int64)[::-2],
        "flags": np.array([True, False]),
        "fortran": np.asfortranarray(rng.standard_normal((4, 2))),
        "big": np.arange(3, dtype=">i4"),
    }


@pytest.fixture
def path(tmp_path: Path, tensors: dict[str, np.ndarray]) -> Path:
    path = tmp_path / "model.safetensors"
    save_model(path, "Thing", CONFIG, tensors)
    return path


def test_round_trip(path: Path, tensors: dict[str, np.ndarray]) -> None:
    model, config, read = load_model(path, ("Other", "Thing"))
    assert (model, config) == ("Thing", CONFIG)
    assert read.keys() == tensors.keys()
    for name, array in tensors.items():
        assert read[name].shape == array.shape
        assert read[name].dtype == array.dtype.newbyteorder("=")
        assert read[name].flags.aligned and read[name].flags.writeable
        np.testing.assert_array_equal(read[name], array)


def test_safetensors_reads_it(path: Path, tensors: dict[str, np.ndarray]) -> None:
    read = safetensors_numpy.load_file(path)
    for name, array in tensors.items():
        np.testing.assert_array_equal(read[name], array)


def test_same_content_same_bytes(path: Path, tensors: dict[str, np.ndarray]) -> None:
    before = path.read_bytes()
    save_model(path, "Thing", CONFIG, tensors)
    assert path.read_bytes() == before


def test_every_flipped_byte_and_every_cut_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    save_model(path, "Thing", {"x": 1}, {"w": np.arange(4, dtype=np.float32)})
    whole = path.read_bytes()
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 0x01]) + whole[i + 1 :])
        with pytest.raises(ValueError, match=r"small\.safetensors"):
            load_model(path, "Thing")
        path.write_bytes(whole[:i])
        with pytest.raises(ValueError, match=r"small\.safetensors"):
            load_model(path, "Thing")
    path.write_bytes(whole + b"x")
    with pytest.raises(ValueError, match="damaged"):
        load_model(path, "Thing")


def test_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "foreign"
    for content in (b"", b"hello", b"PK\x03\x04" + bytes(100), os.urandom(1000)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a pyffnn model file"):
            load_model(path, "Thing")
    safetensors_numpy.save_file({"w": np.zeros(3)}, path)
    with pytest.raises(ValueError, match="another origin"):
        load_model(path, "Thing")


def test_another_class(path: Path) -> None:
    with pytest.raises(ValueError, match="holds a Thing, not a Other or More"):
        load_model(path, ("Other", "More"))


def _write_raw(path: Path, header: object, tensors: dict[str, np.ndarray]) -> None:
    """A file with a right checksum around any header."""
    text = header if isinstance(header, str) else json.dumps(header)
    crc = zlib.crc32(text.encode())
    for name, array in sorted(tensors.items()):
        crc = zlib.crc32(f"{name}:{array.dtype.str}:{array.shape}".encode() + array.tobytes(), crc)
    safetensors_numpy.save_file(tensors, path, {"pyffnn": f"{crc:08x} {text}"})


HEADER = {"version": VERSION, "library": "pyffnn 99.0", "model": "Thing", "config": {}}
TENSORS = {"w": np.arange(2, dtype=np.float32)}


def test_written_elsewhere(tmp_path: Path) -> None:
    _write_raw(tmp_path / "m", HEADER, TENSORS)
    np.testing.assert_array_equal(load_model(tmp_path / "m", "Thing").tensors["w"], TENSORS["w"])


def test_newer_version(tmp_path: Path) -> None:
    _write_raw(tmp_path / "newer", {**HEADER, "version": VERSION + 1}, TENSORS)
    with pytest.raises(ValueError, match=r"format version 3, written by pyffnn 99\.0"):
        load_model(tmp_path / "newer", "Thing")


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "version": 0},
        {**HEADER, "version": "x"},
        {**HEADER, "config": [1]},
        {**HEADER, "model": 3},
        {"version": VERSION},
        [1],
        "{",
        "",
    ],
)
def test_wrong_header(tmp_path: Path, header: object) -> None:
    _write_raw(tmp_path / "wrong", header, TENSORS)
    with pytest.raises(ValueError, match="damaged"):
        load_model(tmp_path / "wrong", "Thing")


@pytest.mark.parametrize(
    "change",
    [
        (b'"shape":[2]', b'"shape":[3]'),
        (b'"data_offsets":[0,8]', b'"data_offsets":[8,0]'),
        (b'"F32"', b'"F33"'),
        (b'"F32"', b'"I32"'),
        (b'"w"', b'"v"'),
    ],
)
def test_wrong_entries(tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    path = tmp_path / "wrong"
    _write_raw(path, HEADER, TENSORS)
    whole = path.read_bytes()
    assert whole.count(change[0]) == 1
    path.write_bytes(whole.replace(*change))
    with pytest.raises(ValueError, match="damaged"):
        load_model(path, "Thing")


def test_unwritable(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        save_model(tmp_path / "nowhere" / "m", "Thing", {}, {})
    with pytest.raises(IsADirectoryError):
        save_model(tmp_path, "Thing", {}, {})
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "missing", "Thing")


def test_what_a_file_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"tensors\['w'\]"):
        save_model(tmp_path / "m", "Thing", {}, {"w": np.array(["a"])})
    with pytest.raises(TypeError):
        save_model(tmp_path / "m", "Thing", {"x": object()}, {})
    with pytest.raises(ValueError):
        save_model(tmp_path / "m", "Thing", {"x": float("nan")}, {})
    assert list(tmp_path.iterdir()) == []


def test_failed_write_leaves_the_old_file(path: Path) -> None:
    def parts() -> object:
        yield b"first"
        raise OSError("disk full")

    before = path.read_bytes()
    with pytest.raises(OSError, match="disk full"):
        write_atomic(path, parts())
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_link_stays_a_link(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path.name)
    save_model(link, "Thing", {"new": 1}, {})
    assert link.is_symlink()
    assert load_model(path, "Thing").config == {"new": 1}
