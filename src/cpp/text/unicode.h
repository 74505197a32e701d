// UTF-8 and the two facts of Unicode that cutting text into words asks for: white space and lower case.
#pragma once
#include <string>
#include <string_view>

#include "core/types.h"

namespace pyffnn::text {

// Offset of the first byte that begins no well-formed character (RFC 3629: no surrogates, no overlong forms), or size when there is none.
Index find_invalid_utf8(std::string_view bytes);

// Each ill-formed sequence (maximal subpart) becomes U+FFFD: bytes.decode("utf-8", "replace") of Python.
void repair_utf8(std::string_view bytes, std::string& out);

// Length of the white space character beyond ASCII that begins at p, or 0. Reads p[0..3); the set is that of Python's str.split():
// U+0085 U+00A0 U+1680 U+2000-200A U+2028 U+2029 U+202F U+205F U+3000.
inline int wide_space_length(const unsigned char* p) {
  switch (p[0]) {
    case 0xC2:
      return p[1] == 0x85 || p[1] == 0xA0 ? 2 : 0;
    case 0xE1:
      return p[1] == 0x9A && p[2] == 0x80 ? 3 : 0;
    case 0xE2:
      if (p[1] == 0x80) return (p[2] >= 0x80 && p[2] <= 0x8A) || p[2] == 0xA8 || p[2] == 0xA9 || p[2] == 0xAF ? 3 : 0;
      return p[1] == 0x81 && p[2] == 0x9F ? 3 : 0;
    case 0xE3:
      return p[1] == 0x80 && p[2] == 0x80 ? 3 : 0;
    default:
      return 0;
  }
}

// White space among ASCII: \t \n \v \f \r, the separators 1C-1F, space.
inline bool is_ascii_space(unsigned char c) { return c == 0x20 || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F); }

// Appends the lower case of valid UTF-8 as Python's str.lower() gives it for the characters of Unicode 14 (later additions stay as they
// are): full mapping (U+0130 becomes two characters), final sigma by its context in `word`.
void append_lower(std::string_view word, std::string& out);

// Bytes of the character that `lead` begins, in valid UTF-8.
inline int utf8_length(unsigned char lead) { return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4; }

}  // namespace pyffnn::text
