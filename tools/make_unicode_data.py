"""Write src/cpp/text/unicode_data.h from the Unicode data of the running Python: python tools/make_unicode_data.py > FILE.

The tables are kept at one Unicode version (14.0, Python 3.11's), so that a saved model cuts the same text into the same words on
every Python.
"""

import unicodedata
from collections.abc import Callable, Iterator

SIGMA = "\u03a3"
FINAL_SIGMA = "\u03c2"


def characters() -> Iterator[str]:
    return (chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)


def lower_ranges() -> list[tuple[int, int, int, int]]:
    """(first, last, step, delta): every `step`-th code point of first..last maps to itself + delta."""
    ranges: list[list[int]] = []
    for ch in characters():
        low = ch.lower()
        if ord(ch) < 0x80 or low == ch:
            continue
        if len(low) > 1:
            assert ch == "\u0130", (
                "the one character whose lower case is two: written out in unicode.cpp"
            )
            continue
        c, delta = ord(ch), ord(low) - ord(ch)
        if ranges and ranges[-1][3] == delta:
            first, last, step, _ = ranges[-1]
            if c - last == step or (first == last and c - last <= 2):
                ranges[-1][1:3] = [c, c - last]
                continue
        ranges.append([c, c, 1, delta])
    return [(a, b, s, d) for a, b, s, d in ranges]


def property_ranges(holds: Callable[[str], bool]) -> list[tuple[int, int]]:
    ranges: list[list[int]] = []
    for ch in characters():
        if holds(ch):
            if ranges and ranges[-1][1] == ord(ch) - 1:
                ranges[-1][1] = ord(ch)
            else:
                ranges.append([ord(ch), ord(ch)])
    return [(a, b) for a, b in ranges]


# str.lower() shows the two properties that Unicode's rule for a final sigma asks for.
def is_cased(ch: str) -> bool:
    return (ch + SIGMA).lower().endswith(FINAL_SIGMA)


def is_case_ignorable(ch: str) -> bool:
    return ("a" + ch + SIGMA).lower().endswith(FINAL_SIGMA) and not is_cased(ch)


def rows(values: list[tuple[int, ...]]) -> str:
    lines, line = [], "   "
    for value in values:
        item = " {" + ", ".join(f"{v:#x}" if i < 2 else str(v) for i, v in enumerate(value)) + "},"
        if len(line) + len(item) > 128:
            lines.append(line)
            line = "   "
        line += item
    return "\n".join([*lines, line])


def main() -> None:
    print(f"""// Case data of Unicode {unicodedata.unidata_version}. Written by tools/make_unicode_data.py; do not edit.
#pragma once
#include <cstdint>

// clang-format off
namespace pyffnn::text {{

struct LowerRange {{
  std::uint32_t first, last;
  std::uint8_t step;
  std::int32_t delta;
}};
inline constexpr LowerRange kLowerRanges[] = {{
{rows(lower_ranges())}
}};

struct CodeRange {{
  std::uint32_t first, last;
}};
// Cased and not case-ignorable.
inline constexpr CodeRange kCased[] = {{
{rows(property_ranges(is_cased))}
}};
inline constexpr CodeRange kCaseIgnorable[] = {{
{rows(property_ranges(is_case_ignorable))}
}};

}}  // namespace pyffnn::text
// clang-format on""")


if __name__ == "__main__":
    main()
