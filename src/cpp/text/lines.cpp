#include "text/lines.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "text/scan.h"
#include "text/unicode.h"

namespace pyffnn::text {

namespace {
constexpr Index kBlock = Index{256} << 10;
constexpr int kWait = 100;  // milliseconds between two looks at whether the caller is interrupted
}  // namespace

void too_large() { throw std::length_error("a document of more than 4 GiB"); }

FileSource::FileSource(const std::string& path, Interrupt& interrupt) : path_(path), interrupt_(interrupt) {
  // A named pipe without a writer: wait for one, but not deaf.
  struct stat info;
  const bool is_pipe = ::stat(path.c_str(), &info) == 0 && S_ISFIFO(info.st_mode);
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | (is_pipe ? O_NONBLOCK : 0));
  if (file_ < 0) throw std::system_error(errno, std::generic_category(), path);
  if (::fstat(file_, &info) != 0) return;
  if (S_ISREG(info.st_mode))
    size_ = static_cast<Index>(info.st_size);
  else
    waits_ = !S_ISDIR(info.st_mode);
}

FileSource::~FileSource() { ::close(file_); }

Index FileSource::read(char* to, Index room) {
  for (;;) {
    interrupt_.poll();
    if (waits_) {
      struct pollfd wanted{file_, POLLIN, 0};
      const int ready = ::poll(&wanted, 1, kWait);
      if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    }
    const ssize_t got = ::read(file_, to, static_cast<std::size_t>(room));
    if (got >= 0) return static_cast<Index>(got);
    if (errno != EINTR && errno != EAGAIN) throw std::system_error(errno, std::generic_category(), path_);
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
    const void* const last = ::memrchr(buffer_.data() + filled_, '\n', static_cast<std::size_t>(got));
    filled_ += got;
    if (last == nullptr) continue;
    used_ = static_cast<const char*>(last) - buffer_.data() + 1;
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
