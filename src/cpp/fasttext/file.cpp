#include "fasttext/file.h"

#include <utility>

namespace pyffnn::fasttext {

MappedFile::MappedFile(const std::string& path) : file_(platform::map_file(path)) {}
MappedFile::~MappedFile() { platform::unmap_file(file_); }

Writer::Writer(const std::string& path) : path_(path), out_(platform::open_output(path)) {}

Writer::~Writer() {
  if (!committed_) platform::discard_output(out_);
}

void Writer::flush(const char* data, std::size_t bytes) { platform::write_output(out_, data, bytes, path_); }

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
  committed_ = true;
  platform::commit_output(std::move(out_), path_);
}

}  // namespace pyffnn::fasttext
