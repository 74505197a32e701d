"""The kind of the processor: figures of one kind stand together, and say nothing of another."""

from __future__ import annotations

import re
from pathlib import Path

from pyffnn import _pyffnn

# vendor, family, models: the kind's short name, for files, and the name people know it by
_AMD = {
    23: (
        ((0x01, 0x11, 0x20), "zen1", "Zen 1"),
        ((0x08, 0x18), "zen-plus", "Zen+"),
        (range(0x30, 0xB0), "zen2", "Zen 2"),
    ),
    25: (
        ((*range(0x10), *range(0x20, 0x60)), "zen3", "Zen 3"),
        ((*range(0x10, 0x20), *range(0x60, 0x80), *range(0xA0, 0xB0)), "zen4", "Zen 4"),
    ),
    26: ((range(0x100), "zen5", "Zen 5"),),
}
_INTEL = (
    ((0x3C, 0x3F, 0x45, 0x46), "haswell", "Haswell"),
    ((0x3D, 0x47, 0x4F, 0x56), "broadwell", "Broadwell"),
    ((0x4E, 0x5E, 0x8E, 0x9E, 0xA5, 0xA6), "skylake", "Skylake"),
    ((0x6A, 0x6C), "ice-lake-sp", "Ice Lake-SP"),
    ((0x7D, 0x7E), "ice-lake", "Ice Lake"),
    ((0x8C, 0x8D, 0xA7), "tiger-lake", "Tiger Lake"),
    ((0x8F,), "sapphire-rapids", "Sapphire Rapids"),
    ((0xCF,), "emerald-rapids", "Emerald Rapids"),
    ((0xAD, 0xAE), "granite-rapids", "Granite Rapids"),
    ((0x97, 0x9A), "alder-lake", "Alder Lake"),
    ((0xB7, 0xBA, 0xBF), "raptor-lake", "Raptor Lake"),
    ((0xAA, 0xAC), "meteor-lake", "Meteor Lake"),
)
_ARM = {
    "0xd0c": ("neoverse-n1", "Neoverse N1"),
    "0xd40": ("neoverse-v1", "Neoverse V1"),
    "0xd49": ("neoverse-n2", "Neoverse N2"),
    "0xd4f": ("neoverse-v2", "Neoverse V2"),
}


def slug(name: str) -> str:
    """Small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "unknown"


def _known(vendor: str, family: int, model: int, stepping: int) -> tuple[str, str] | None:
    if vendor == "AuthenticAMD":
        for models, short, name in _AMD.get(family, ()):
            if model in models:
                return short, name
    if vendor == "GenuineIntel" and family == 6:
        if model == 0x55:  # three generations by their steppings
            if stepping <= 4:
                return "skylake-sp", "Skylake-SP"
            return ("cascade-lake", "Cascade Lake") if stepping <= 7 else ("cooper-lake", "Cooper Lake")  # fmt: skip
        for models, short, name in _INTEL:
            if model in models:
                return short, name
    return None


def kind_of(cpuinfo: str, model_name: str) -> tuple[str, str]:
    """(short name, readable name) from the text of /proc/cpuinfo; from `model_name` where that does not say or is not known."""
    found: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            found.setdefault(key.strip(), value.strip())

    def number(key: str) -> int:
        return int(found[key]) if found.get(key, "").isdigit() else -1

    known = _known(found.get("vendor_id", ""), number("cpu family"), number("model"), number("stepping"))  # fmt: skip
    known = known or _ARM.get(found.get("CPU part", ""))
    if known is None:
        return slug(model_name), model_name or "unknown"
    return known[0], f"{model_name} ({known[1]})" if model_name else known[1]


def kind() -> tuple[str, str]:
    """(short name, readable name) of this machine's: ("zen1", "AMD EPYC (Zen 1)")."""
    path = Path("/proc/cpuinfo")
    text = path.read_text(errors="replace") if path.exists() else ""
    return kind_of(text, _pyffnn.cpu_model())
