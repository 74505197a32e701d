// Whole columns of documents, as Arrow has them in memory: bytes, offsets, and a bit for each that is there.
#include <algorithm>

#include "bindings/fasttext_input.h"
#include "bindings/register_fasttext.h"
#include "bindings/settings.h"
#include "core/thread_pool.h"
#include "fasttext/scoring.h"

namespace pyffnn::bindings {
namespace {

using fasttext::Model;
using fasttext::Prediction;
using fasttext::Reduce;

struct Column {
  const char* bytes;
  Index size;
  const void* offsets;  // n + 1 of int32 or int64
  bool wide;
  const std::uint8_t* present;  // a byte each, or null

  Index offset(Index i) const { return wide ? static_cast<const std::int64_t*>(offsets)[i] : static_cast<const std::int32_t*>(offsets)[i]; }
};

// (ends of each document's predictions, labels, probabilities). A document that is not there has none.
py::tuple score_column(const Model& model, py::buffer data, py::handle given, py::handle present, Index k, double threshold, Index window,
                       const std::string& reduce, int n_threads) {
  if (!model.settings().supervised()) throw py::value_error("Model needs to be supervised for prediction!");
  fasttext::Scoring scoring;
  const Index labels = std::max<Index>(model.dictionary().labels(), 1);
  if (k != -1 && k < 1) throw py::value_error("k needs to be 1 or higher! (-1 for all labels), got " + std::to_string(k));
  scoring.k = k == -1 ? labels : std::min(k, labels);
  scoring.threshold = static_cast<float>(threshold);
  scoring.window = window;
  constexpr std::pair<const char*, Reduce> kinds[] = {
      {"mean", Reduce::mean}, {"max", Reduce::max}, {"min", Reduce::min}, {"first", Reduce::first}};
  const auto kind = std::find_if(std::begin(kinds), std::end(kinds), [&](const auto& one) { return reduce == one.first; });
  if (kind == std::end(kinds)) throw py::value_error("reduce must be mean, max, min or first, got '" + reduce + "'");
  scoring.reduce = kind->second;

  const py::buffer_info info = data.request();
  const py::array offsets = as_ids(given, "offsets");
  check_rank(offsets, 1, "offsets");
  if (offsets.size() < 1) throw py::value_error("offsets must not be empty");
  const Index n = offsets.size() - 1;
  py::array there;
  if (!present.is_none()) {
    there = contiguous(as_array(present, "present"));
    check_shape(there, {n}, "present");
    if (there.itemsize() != 1) throw py::type_error("present must be an array of bool");
  }
  const Column column{static_cast<const char*>(info.ptr), info.size * info.itemsize, offsets.data(), offsets.itemsize() == 8,
                      present.is_none() ? nullptr : static_cast<const std::uint8_t*>(there.data())};
  std::vector<std::int64_t> ends(static_cast<std::size_t>(n));
  std::vector<std::int32_t> found_labels;
  std::vector<float> scores;
  Interrupts interrupts;
  {
    const ReleaseGil release;
    const threads::ScopedNumThreads scope(n_threads);
    for (Index i = 0; i < n; ++i)
      if (column.offset(i) < 0 || column.offset(i) > column.offset(i + 1) || column.offset(i + 1) > column.size)
        throw std::invalid_argument("offsets must rise from 0 to the " + std::to_string(column.size) + " bytes of the data");
    constexpr Index kPart = 16, kSlice = 4096;
    std::vector<std::vector<Prediction>> parts;
    for (Index first = 0; first < n; first += kSlice) {
      const Index some = std::min(kSlice, n - first), num_parts = (some + kPart - 1) / kPart;
      parts.assign(static_cast<std::size_t>(num_parts), {});
      const int threads = threads::threads_for(static_cast<double>(column.offset(first + some) - column.offset(first)) * 40);
      threads::parallel_for(
          num_parts, threads == 1 ? 1 : static_cast<int>(std::min<Index>(num_parts, 8 * threads)), [&](Index begin, Index end) {
            fasttext::ScoreSpace space;
            for (Index p = begin; p < end; ++p)
              for (Index i = first + p * kPart; i < std::min(first + some, first + (p + 1) * kPart); ++i) {
                auto& part = parts[static_cast<std::size_t>(p)];
                if (column.present == nullptr || column.present[i] != 0) {
                  const Index from = column.offset(i);
                  fasttext::score_document(model, {column.bytes + from, static_cast<std::size_t>(column.offset(i + 1) - from)}, scoring,
                                           space);
                  part.insert(part.end(), space.predict.found.begin(), space.predict.found.end());
                }
                ends[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(part.size());
              }
          });
      for (Index p = 0; p < num_parts; ++p) {
        const auto before = static_cast<std::int64_t>(scores.size());
        for (const Prediction& prediction : parts[static_cast<std::size_t>(p)]) {
          found_labels.push_back(prediction.label);
          scores.push_back(prediction.score);
        }
        for (Index i = first + p * kPart; i < std::min(first + some, first + (p + 1) * kPart); ++i)
          ends[static_cast<std::size_t>(i)] += before;
      }
      interrupts.poll();
    }
  }
  return py::make_tuple(to_array(ends), to_array(found_labels), to_array(scores));
}

}  // namespace

void register_fasttext_scoring(py::module_& m) {
  using namespace py::literals;
  m.def("fasttext_score", &score_column, "model"_a, "data"_a, "offsets"_a, "present"_a, "k"_a, "threshold"_a, "window"_a, "reduce"_a,
        "n_threads"_a);
}

}  // namespace pyffnn::bindings
