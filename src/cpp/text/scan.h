// Where words begin and end: white space found 64 bytes at a time, as bit masks.
#pragma once
#include "text/pages.h"

namespace pyffnn::text {

using Position = std::uint32_t;

// Cuts a block of UTF-8 bytes, a segment at a time. `bytes` must be readable for kScanPadding bytes beyond `size`; what stands there does
// not matter.
class Scanner {
 public:
  static constexpr Index kPadding = 64;
  static constexpr Index kSegment = 4096;

  Scanner(const char* bytes, Index size) : bytes_(reinterpret_cast<const unsigned char*>(bytes)), size_(size) {}

  bool done() const { return at_ >= size_; }

  // Appends the boundaries (begin, end, begin, end, ...) of the next kSegment bytes to `bounds`; a word cut by the segment's end leaves
  // its begin alone. At the end of the block the last word is closed. Appends the line feeds to `lines` if given.
  void next_segment(Pages<Position>& bounds, Pages<Position>* lines);

 private:
  std::uint64_t spaces_of(const unsigned char* p, const ByteMasks& masks, Index valid, Pages<Position>* lines);

  const unsigned char* bytes_;
  Index size_;
  Index at_ = 0;
  std::uint64_t before_ = 1;   // was the byte before a space?
  std::uint64_t pending_ = 0;  // bytes of the next 64 that belong to a white space character begun in the last
};

}  // namespace pyffnn::text
