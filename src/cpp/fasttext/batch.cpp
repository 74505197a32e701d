#include "fasttext/batch.h"

namespace pyffnn::fasttext {
namespace {

void begin(Batch& batch, Index first) {
  Dictionary::clear(batch.all);
  batch.first = first;
  batch.rows.assign(1, 0);
  batch.labels.assign(1, 0);
}

void end_line(Batch& batch) {
  batch.rows.push_back(static_cast<Index>(batch.all.rows.size()));
  batch.labels.push_back(static_cast<Index>(batch.all.labels.size()));
}

}  // namespace

// The words of a line; what stands behind a word that ends it is not read.
void ListReader::cut(std::string_view line) {
  Cutter cutter(line.data(), line.data() + line.size());
  bool ended = false;
  for (bool more = true; more && !ended;) {
    const Index before = words_.size();
    Word* const to = words_.extend(Cutter::kMostWords);
    const Index found = cutter.next(to);
    more = found > 0;
    words_.resize(before + to_end_of_line(to, found, ended));
  }
  if (!ended && closed_) words_.push_back(line_feed(line.data() + line.size()));
  ends_.push_back(words_.size());
}

bool ListReader::next(Batch& batch) {
  begin(batch, at_);
  if (at_ == n_) return false;
  if (lines_[at_].size() > kLongLine) {
    const std::string_view line = lines_[at_++];
    const char* at = line.data();
    dictionary_.read_line(at, at + line.size(), closed_, batch.all);
    end_line(batch);
    return true;
  }
  words_.clear();
  ends_.clear();
  while (at_ < n_ && words_.size() < kBatchWords && lines_[at_].size() <= kLongLine) cut(lines_[at_++]);
  ids_.resize(words_.size());
  dictionary_.find_all(words_.data(), words_.size(), ids_.data());
  Index i = 0;
  for (const Index end : ends_) {
    batch.all.hashes.clear();
    dictionary_.take(words_.data() + i, ids_.data() + i, end - i, batch.all);
    dictionary_.add_word_ngrams(batch.all);
    end_line(batch);
    i = end;
  }
  return true;
}

bool TextReader::next(Batch& batch) {
  begin(batch, at_);
  while (batch.all.tokens < kBatchWords && lines_.append(batch.all)) {
    end_line(batch);
    ++at_;
  }
  return batch.lines() > 0;
}

}  // namespace pyffnn::fasttext
