#include "fasttext/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace pyffnn::fasttext {
namespace {

[[noreturn]] void fail(const std::string& path) { throw std::system_error(errno, std::generic_category(), path); }

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail(path);
  struct stat info{};
  if (::fstat(file, &info) != 0) {
    ::close(file);
    fail(path);
  }
  if (S_ISDIR(info.st_mode)) {
    ::close(file);
    errno = EISDIR;
    fail(path);
  }
  size_ = static_cast<std::size_t>(info.st_size);
  if (size_ > 0) {
    void* const data = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    if (data == MAP_FAILED) fail(path);
    data_ = static_cast<const char*>(data);
  } else {
    ::close(file);
  }
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

Writer::Writer(const std::string& path) : path_(path), beside_(path + ".partial-" + std::to_string(::getpid())) {
  // A device or a pipe is written to as it is.
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) beside_ = path_;
  file_ = ::open(beside_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file_ < 0) fail(path);
}

Writer::~Writer() {
  if (file_ < 0) return;
  ::close(file_);
  if (beside_ != path_) ::unlink(beside_.c_str());
}

void Writer::flush(const char* data, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t written = ::write(file_, data, bytes);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(path_);
    }
    data += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void Writer::put_bytes(const void* data, Index bytes) {
  if (bytes <= 0) return;
  constexpr std::size_t kBuffer = 1 << 16;
  const auto size = static_cast<std::size_t>(bytes);
  if (buffer_.size() + size > kBuffer) {
    flush(buffer_.data(), buffer_.size());
    buffer_.clear();
  }
  if (size > kBuffer)
    flush(static_cast<const char*>(data), size);
  else
    buffer_.append(static_cast<const char*>(data), size);
}

void Writer::commit() {
  flush(buffer_.data(), buffer_.size());
  buffer_.clear();
  const int file = file_;
  file_ = -1;
  if (::close(file) != 0 || (beside_ != path_ && std::rename(beside_.c_str(), path_.c_str()) != 0)) {
    const int error = errno;
    if (beside_ != path_) ::unlink(beside_.c_str());
    errno = error;
    fail(path_);
  }
}

}  // namespace pyffnn::fasttext
