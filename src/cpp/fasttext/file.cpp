#include "fasttext/file.h"

#include <algorithm>
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
  // One whole large page at a time: where a file system keeps them as such, a process that maps the file has large pages, too. (Of many
  // pages written at once ext4 keeps most in small pieces.)
  constexpr std::size_t kBlock = std::size_t{2} << 20;
  const char* from = static_cast<const char*>(data);
  for (auto left = static_cast<std::size_t>(std::max<Index>(bytes, 0)); left > 0;) {
    const std::size_t some = buffer_.empty() && left >= kBlock ? kBlock : std::min(left, kBlock - buffer_.size());
    if (some >= kBlock)
      flush(from, some);
    else
      buffer_.append(from, some);
    if (buffer_.size() == kBlock) {
      flush(buffer_.data(), kBlock);
      buffer_.clear();
    }
    from += some;
    left -= some;
  }
}

void Writer::commit() {
  flush(buffer_.data(), buffer_.size());
  buffer_.clear();
  committed_ = true;
  platform::commit_output(std::move(out_), path_);
}

}  // namespace pyffnn::fasttext
