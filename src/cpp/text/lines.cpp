#include "text/lines.h"

#include <algorithm>
#include <stdexcept>

#include "text/scan.h"
#include "text/unicode.h"

namespace pyffnn::text {

namespace {
constexpr Index kBlock = Index{256} << 10;
constexpr int kWait = 100;  // milliseconds between two looks at whether the caller is interrupted
}  // namespace

void too_large() { throw std::length_error("a document of more than 4 GiB"); }

FileSource::FileSource(const std::string& path, Interrupt& interrupt)
    : path_(path), interrupt_(interrupt), input_(platform::open_input(path)) {}

FileSource::~FileSource() { platform::close_input(input_); }

Index FileSource::read(char* to, Index room) {
  for (;;) {
    interrupt_.poll();
    if (const Index got = platform::read_input(input_, to, room, kWait, path_); got >= 0) return got;
  }
}

// Reads until the buffer holds the end of a line, or all there is.
bool LineReader::fill() {
  if (buffer_.empty()) buffer_.resize(kBlock + Scanner::kPadding);
  if (used_ > 0) std::memmove(buffer_.data(), buffer_.data() + used_, static_cast<std::size_t>(filled_ - used_));
  filled_ -= used_;
  used_ = 0;
  while (!at_end_) {
    const Index room = buffer_.size() - Scanner::kPadding - filled_;
    if (room == 0) {
      if (filled_ >= kMaxBlock) too_large();
      buffer_.resize(std::min(2 * filled_, kMaxBlock) + Scanner::kPadding);
      continue;
    }
    const Index got = source_.read(buffer_.data() + filled_, room);
    at_end_ = got == 0;
    const std::size_t last = std::string_view(buffer_.data() + filled_, static_cast<std::size_t>(got)).rfind('\n');
    used_ = last == std::string_view::npos ? 0 : filled_ + static_cast<Index>(last) + 1;
    filled_ += got;
    if (used_ == 0) continue;
    return true;
  }
  used_ = filled_;
  return used_ > 0;
}

void LineReader::check(std::string_view& block) {
  const Index bad = find_invalid_utf8(block);
  if (bad == static_cast<Index>(block.size())) return;
  if (invalid_ == Invalid::refuse) {
    const Index line = lines_ + std::count(block.begin(), block.begin() + bad, '\n') + 1;
    throw std::invalid_argument(name_ + ", line " + std::to_string(line) + " is not UTF-8: byte " +
                                std::to_string(static_cast<unsigned char>(block[static_cast<std::size_t>(bad)])) + " begins no character");
  }
  repair_utf8(block, repaired_);
  block = repaired_;
  if (static_cast<Index>(block.size()) > kMaxBlock) too_large();
  repaired_.append(static_cast<std::size_t>(Scanner::kPadding), ' ');
  block = std::string_view(repaired_.data(), repaired_.size() - static_cast<std::size_t>(Scanner::kPadding));
}

bool LineReader::next(std::string_view& block) {
  if (!fill()) return false;
  block = std::string_view(buffer_.data(), static_cast<std::size_t>(used_));
  if (first_ && block.substr(0, 3) == "\xEF\xBB\xBF") block.remove_prefix(3);
  first_ = false;
  check(block);
  return true;
}

}  // namespace pyffnn::text
