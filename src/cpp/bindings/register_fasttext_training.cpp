// Training of fastText's models.
#include <algorithm>
#include <chrono>

#include "bindings/fasttext_input.h"
#include "bindings/register_fasttext.h"
#include "bindings/settings.h"
#include "core/thread_pool.h"
#include "fasttext/losses.h"
#include "fasttext/trainer.h"

namespace pyffnn::bindings {
namespace {

using fasttext::LossName;
using fasttext::Model;
using fasttext::ModelName;

std::int32_t number_of(SettingsReader& reader, const char* key, Index least, Index most = INT32_MAX) {
  reader.need(key);
  Index value = 0;
  reader(key, value);
  if (value < least || value > most)
    throw py::value_error(std::string(key) + " must be from " + std::to_string(least) + " to " + std::to_string(most) + ", got " +
                          std::to_string(value));
  return static_cast<std::int32_t>(value);
}

fasttext::Settings model_settings(const py::dict& given) {
  SettingsReader reader(given, "settings");
  fasttext::Settings s;
  s.dim = number_of(reader, "dim", 1, 1 << 20);
  s.ws = number_of(reader, "ws", 1);
  s.epoch = number_of(reader, "epoch", 0);
  s.min_count = number_of(reader, "minCount", 0);
  s.neg = number_of(reader, "neg", 0);
  s.word_ngrams = number_of(reader, "wordNgrams", 0);
  reader("loss", s.loss, {{"hs", LossName::hs}, {"ns", LossName::ns}, {"softmax", LossName::softmax}, {"ova", LossName::ova}});
  reader("model", s.model, {{"cbow", ModelName::cbow}, {"skipgram", ModelName::skipgram}, {"supervised", ModelName::supervised}});
  s.bucket = number_of(reader, "bucket", 0);
  s.minn = number_of(reader, "minn", 0);
  s.maxn = number_of(reader, "maxn", 0);
  s.lr_update_rate = number_of(reader, "lrUpdateRate", 0);
  reader("t", s.t);
  if (!reader.has("label") || !PyUnicode_Check(given["label"].ptr())) throw py::type_error("label must be str");
  s.label = std::string(utf8(given["label"], [] { return std::string("label"); }));
  reader.refuse_unknown();
  return s;
}

// Ends training when its time is over, and tells a Python function of its progress.
class Watching {
 public:
  Watching(double seconds, py::object told) : seconds_(seconds), told_(std::move(told)) {}
  bool operator()(const fasttext::Progress& progress) {
    const auto now = Clock::now();
    if (std::chrono::duration<double>(now - start_).count() > seconds_) return false;
    if (now < next_) return true;
    next_ = now + std::chrono::milliseconds(200);
    if (told_.is_none()) return true;
    HoldGil hold;
    try {
      told_(progress.done, progress.lr, progress.loss);
    } catch (...) {
      hold.keep();
      throw;
    }
    return true;
  }

 private:
  using Clock = std::chrono::steady_clock;
  double seconds_;
  const py::object told_;
  Clock::time_point start_ = Clock::now(), next_ = start_;
};

template <class F>
py::tuple training(F&& run) {
  try {
    fasttext::Trained trained = run();
    return py::make_tuple(std::const_pointer_cast<Model>(trained.model), trained.loss);
  } catch (const fasttext::Diverged& error) {
    PyErr_SetString(PyExc_FloatingPointError, error.what());
  } catch (const fasttext::Stopped&) {
    PyErr_SetString(PyExc_TimeoutError, "the time for training is over");
  }
  throw py::error_already_set();
}

void check_rate(double lr) {
  if (!(lr >= 0) || lr > 1e30) throw py::value_error("lr must be a finite number of at least 0, got " + std::to_string(lr));
}

py::tuple train(py::handle file, const py::dict& given, double lr, Index min_count_label, std::int64_t seed, const py::list& words,
                py::handle vectors, double seconds, py::object told, int n_threads) {
  const fasttext::Settings settings = model_settings(given);
  check_rate(lr);
  fasttext::TrainSettings how;
  how.lr = lr;
  how.epoch = settings.epoch;
  how.seed = static_cast<std::uint64_t>(seed);
  py::array matrix;
  if (!vectors.is_none()) {
    matrix = contiguous(as_dtype(as_floats(vectors, "pretrainedVectors"), kFloat32));
    check_shape(matrix, {static_cast<Index>(words.size()), settings.dim}, "pretrainedVectors");
    how.vectors = in<float>(matrix);
    for (const py::handle word : words) how.words.push_back(utf8(word, [] { return std::string("a word of pretrainedVectors"); }));
  }
  const TextBytes text(file);
  Interrupts interrupts;
  Watching watching(seconds, std::move(told));
  return training([&] {
    const ReleaseGil release;
    const threads::ScopedNumThreads scope(std::min(n_threads, threads::get_num_threads()));
    fasttext::WordStream stream;
    // Pieces of words are made from their letters.
    const bool in_numbers = settings.supervised() && settings.maxn == 0;
    const fasttext::DictionaryPtr dictionary = fasttext::count_words(text.bytes(), settings, min_count_label, how.words,
                                                                     in_numbers ? &stream : nullptr, fasttext::kMostRows, interrupts);
    const double bytes = (static_cast<double>(dictionary->words()) + settings.bucket) * settings.dim * 4;
    if (bytes > static_cast<double>(physical_memory())) throw std::bad_alloc();
    return fasttext::train(text.bytes(), dictionary, std::move(stream), how, interrupts,
                           [&](const fasttext::Progress& p) { return watching(p); });
  });
}

py::tuple train_on(const Model& model, py::handle file, double lr, Index epoch, std::int64_t seed, double seconds, py::object told,
                   int n_threads) {
  check_rate(lr);
  if (epoch < 0 || epoch > INT32_MAX) throw py::value_error("epoch must not be negative, got " + std::to_string(epoch));
  if (model.quantised()) throw py::value_error("a quantized model cannot be trained");
  fasttext::TrainSettings how;
  how.lr = lr;
  how.epoch = static_cast<std::int32_t>(epoch);
  how.seed = static_cast<std::uint64_t>(seed);
  const TextBytes text(file);
  Interrupts interrupts;
  Watching watching(seconds, std::move(told));
  return training([&] {
    const ReleaseGil release;
    const threads::ScopedNumThreads scope(std::min(n_threads, threads::get_num_threads()));
    return fasttext::train_on(text.bytes(), model, how, interrupts, [&](const fasttext::Progress& p) { return watching(p); });
  });
}

}  // namespace

void register_fasttext_training(py::module_& m) {
  using namespace py::literals;
  m.def("fasttext_train", &train, "file"_a, "settings"_a, "lr"_a, "min_count_label"_a, "seed"_a, "words"_a, "vectors"_a, "seconds"_a,
        "told"_a, "n_threads"_a);
  m.def("fasttext_train_on", &train_on, "model"_a, "file"_a, "lr"_a, "epoch"_a, "seed"_a, "seconds"_a, "told"_a, "n_threads"_a);
}

}  // namespace pyffnn::bindings
