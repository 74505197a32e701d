// Models of fastText's files: what pyffnn.integrations.fasttext is made of.
#include "bindings/register_fasttext.h"

#include <pybind11/stl.h>

#include <cmath>

#include "bindings/fasttext_input.h"
#include "core/thread_pool.h"

namespace pyffnn::bindings {
namespace {

using fasttext::Line;
using fasttext::Model;
using fasttext::ModelPtr;
using fasttext::next_word;
using fasttext::Prediction;
using fasttext::PredictSpace;

// pybind11 has no holder of const objects; none of the methods changes one.
using Held = std::shared_ptr<Model>;
Held unconst(const ModelPtr& model) { return std::const_pointer_cast<Model>(model); }

Index check_k(const Model& model, Index k) {
  if (!model.settings().supervised()) throw py::value_error("Model needs to be supervised for prediction!");
  if (k == -1) return std::max<Index>(model.dictionary().labels(), 1);
  if (k <= 0) throw py::value_error("k needs to be 1 or higher! (-1 for all labels), got " + std::to_string(k));
  return std::min(k, std::max<Index>(model.dictionary().labels(), 1));
}

// Predictions of many lines, a part of them after the other.
struct Found {
  static constexpr Index kPart = 64;
  explicit Found(Index lines) : parts(static_cast<std::size_t>((lines + kPart - 1) / kPart)), ends(static_cast<std::size_t>(lines)) {}
  std::vector<std::vector<Prediction>> parts;
  std::vector<Index> ends;  // within the part

  // f(prediction) of line i
  template <class F>
  void each(Index i, F&& f) const {
    const std::vector<Prediction>& part = parts[static_cast<std::size_t>(i / kPart)];
    for (Index j = i % kPart == 0 ? 0 : ends[static_cast<std::size_t>(i - 1)]; j < ends[static_cast<std::size_t>(i)]; ++j)
      f(part[static_cast<std::size_t>(j)]);
  }
  Index count(Index i) const { return ends[static_cast<std::size_t>(i)] - (i % kPart == 0 ? 0 : ends[static_cast<std::size_t>(i - 1)]); }
};

// predict(i, space) puts the predictions of line i into space.found.
template <class F>
Found predict_all(Index lines, double bytes, Interrupt& interrupt, F&& predict) {
  Found found(lines);
  const auto parts = static_cast<Index>(found.parts.size());
  constexpr Index kSlice = 256;
  const double work = bytes * 40 / static_cast<double>(std::max<Index>(parts, 1));
  for (Index first = 0; first < parts; first += kSlice) {
    const Index some = std::min(kSlice, parts - first);
    // many small shares: lines are of very different lengths
    const int threads = threads::threads_for(work * static_cast<double>(some));
    const auto shares = static_cast<int>(threads == 1 ? 1 : std::min<Index>(some, 8 * threads));
    threads::parallel_for(some, shares, [&](Index begin, Index end) {
      PredictSpace space;
      for (Index p = first + begin; p < first + end; ++p) {
        std::vector<Prediction>& part = found.parts[static_cast<std::size_t>(p)];
        for (Index i = p * Found::kPart; i < std::min(lines, (p + 1) * Found::kPart); ++i) {
          predict(i, space);
          part.insert(part.end(), space.found.begin(), space.found.end());
          found.ends[static_cast<std::size_t>(i)] = static_cast<Index>(part.size());
        }
      }
    });
    interrupt.poll();
  }
  return found;
}

py::object label_name(const py::list& names, std::int32_t label, const std::string& errors) {
  const py::object name = names[static_cast<std::size_t>(label)];
  if (PyUnicode_Check(name.ptr())) return name;
  return decoded(std::string(py::reinterpret_borrow<py::bytes>(name)), errors);
}

py::tuple predict_list(const Model& model, const py::list& texts, Index k, float threshold, const py::list& names,
                       const std::string& errors, int n_threads) {
  k = check_k(model, k);
  const auto n = static_cast<Index>(texts.size());
  std::vector<std::string_view> lines;
  lines.reserve(texts.size());
  double bytes = 0;
  for (Index i = 0; i < n; ++i) {
    lines.push_back(one_line(PyList_GET_ITEM(texts.ptr(), i), "predict", [i] { return "text[" + std::to_string(i) + "]"; }));
    bytes += static_cast<double>(lines.back().size() + 64);
  }
  Interrupts interrupts;
  const Found found = [&] {
    const ReleaseGil release;
    const threads::ScopedNumThreads scope(n_threads);
    return predict_all(n, bytes, interrupts, [&](Index i, PredictSpace& space) {
      const std::string_view text = lines[static_cast<std::size_t>(i)];
      const char* at = text.data();
      model.dictionary().read_line(at, at + text.size(), true, space.line);
      model.predict(k, threshold, space);
    });
  }();
  py::list all_labels(texts.size()), all_probabilities(texts.size());
  for (Index i = 0; i < n; ++i) {
    const auto count = static_cast<std::size_t>(found.count(i));
    py::list labels(count);
    py::array_t<float> probabilities(static_cast<Index>(count));
    float* const p = probabilities.mutable_data();
    std::size_t j = 0;
    found.each(i, [&](const Prediction& prediction) {
      p[j] = fasttext::probability(prediction);
      labels[j++] = label_name(names, prediction.label, errors);
    });
    all_labels[static_cast<std::size_t>(i)] = std::move(labels);
    all_probabilities[static_cast<std::size_t>(i)] = std::move(probabilities);
  }
  return py::make_tuple(std::move(all_labels), std::move(all_probabilities));
}

py::tuple predict_one(const Model& model, py::handle text, Index k, float threshold, const py::list& names, const std::string& errors) {
  k = check_k(model, k);
  const std::string_view line = one_line(text, "predict", [] { return std::string("text"); });
  PredictSpace space;
  {
    const ReleaseGil release(line.size() > 4096);
    const char* at = line.data();
    model.dictionary().read_line(at, at + line.size(), true, space.line);
    model.predict(k, threshold, space);
  }
  py::tuple labels(space.found.size());
  py::array_t<double> probabilities(static_cast<Index>(space.found.size()));
  double* const p = probabilities.mutable_data();
  for (std::size_t i = 0; i < space.found.size(); ++i) {
    p[i] = fasttext::probability(space.found[i]);
    labels[i] = label_name(names, space.found[i].label, errors);
  }
  return py::make_tuple(std::move(labels), std::move(probabilities));
}

// All lines of a file: (offsets of true labels, true labels, offsets of predictions, predicted labels, scores). labelled_only: those
// without a known label or without a row are left out.
py::tuple predict_lines(const Model& model, py::handle file, Index k, float threshold, bool labelled_only, int n_threads) {
  k = check_k(model, k);
  const TextBytes text(file);
  Interrupts interrupts;
  std::vector<std::int64_t> gold_offsets{0}, offsets{0};
  std::vector<std::int32_t> gold, labels;
  std::vector<float> scores;
  {
    const ReleaseGil release;
    const threads::ScopedNumThreads scope(n_threads);
    // Lines are cut one by one where </s> stands in the text: only reading tells where one ends.
    const std::vector<std::string_view> lines = fasttext::cut_lines(text.bytes(), interrupts);
    const auto n = static_cast<Index>(lines.size());
    std::vector<std::vector<std::int32_t>> known(lines.size());
    std::vector<char> counted(lines.size(), 0);
    const Found found = predict_all(n, static_cast<double>(text.bytes().size()), interrupts, [&](Index i, PredictSpace& space) {
      const std::string_view line = lines[static_cast<std::size_t>(i)];
      const char* at = line.data();
      model.dictionary().read_line(at, at + line.size(), false, space.line);
      space.found.clear();
      if (labelled_only && (space.line.labels.empty() || space.line.rows.empty())) return;
      counted[static_cast<std::size_t>(i)] = 1;
      known[static_cast<std::size_t>(i)] = space.line.labels;
      model.predict(k, threshold, space);
    });
    for (Index i = 0; i < n; ++i) {
      if (!counted[static_cast<std::size_t>(i)]) continue;
      const auto& own = known[static_cast<std::size_t>(i)];
      gold.insert(gold.end(), own.begin(), own.end());
      gold_offsets.push_back(static_cast<std::int64_t>(gold.size()));
      found.each(i, [&](const Prediction& p) {
        labels.push_back(p.label);
        scores.push_back(fasttext::probability(p));
      });
      offsets.push_back(static_cast<std::int64_t>(labels.size()));
    }
  }
  return py::make_tuple(to_array(gold_offsets), to_array(gold), to_array(offsets), to_array(labels), to_array(scores));
}

py::array_t<float> matrix_of(const fasttext::Table& table) {
  if (table.quantised()) throw py::value_error("Can't get quantized Matrix");
  py::array_t<float> a({table.rows(), table.dim()});
  for (Index i = 0; i < table.rows(); ++i) table.copy(i, a.mutable_data() + i * table.dim());
  return a;
}

py::array_t<float> vector_of(Index dim) { return py::array_t<float>(dim); }

py::array_t<float> row_of(const fasttext::Table& table, Index row) {
  if (row < 0 || row >= table.rows())
    throw py::index_error("there is no row " + std::to_string(row) + " among " + std::to_string(table.rows()));
  py::array_t<float> a = vector_of(table.dim());
  std::fill_n(a.mutable_data(), a.size(), 0.0f);
  table.add(row, a.mutable_data());
  return a;
}

py::array_t<float> normalised_word_vectors(const Model& model) {
  const Index words = model.dictionary().words(), dim = model.input().dim();
  py::array_t<float> a({words, dim});
  float* const to = a.mutable_data();
  Interrupts interrupts;
  const ReleaseGil release;
  Line scratch;
  for (Index i = 0; i < words; ++i) {
    if (i % 1024 == 0) interrupts.poll();
    float* const row = to + i * dim;
    model.word_vector(model.dictionary().entry(i), scratch, row);
    double sum = 0;
    for (Index j = 0; j < dim; ++j) sum += static_cast<double>(row[j]) * row[j];
    if (sum > 0)
      for (Index j = 0; j < dim; ++j) row[j] = static_cast<float>(row[j] / std::sqrt(sum));
  }
  return a;
}

fasttext::TablePtr table_of(const py::array& a, const char* name) {
  check_rank(a, 2, name);
  const py::array whole = contiguous(as_dtype(a, kFloat32));
  auto copy = std::make_shared<std::vector<float>>(in<float>(whole), in<float>(whole) + whole.size());
  const float* const data = copy->data();
  return std::make_shared<fasttext::DenseTable>(whole.shape(0), whole.shape(1), copy, data);
}

py::dict settings_of(const Model& model) {
  const fasttext::Settings& s = model.settings();
  py::dict found;
  found["dim"] = s.dim;
  found["ws"] = s.ws;
  found["epoch"] = s.epoch;
  found["minCount"] = s.min_count;
  found["neg"] = s.neg;
  found["wordNgrams"] = s.word_ngrams;
  found["loss"] = static_cast<int>(s.loss);
  found["model"] = static_cast<int>(s.model);
  found["bucket"] = s.bucket;
  found["minn"] = s.minn;
  found["maxn"] = s.maxn;
  found["lrUpdateRate"] = s.lr_update_rate;
  found["t"] = s.t;
  found["label"] = s.label;
  return found;
}

py::tuple pieces_of(const Model& model, py::handle word, const std::string& errors) {
  const std::vector<fasttext::Piece> pieces = model.dictionary().pieces(utf8(word, [] { return std::string("word"); }));
  py::list texts;
  std::vector<std::int32_t> rows;
  for (const fasttext::Piece& piece : pieces) {
    texts.append(decoded(piece.text, errors));
    rows.push_back(piece.row);
  }
  return py::make_tuple(texts, to_array(rows));
}

py::tuple words_of_line(const Model& model, py::handle text, const std::string& errors) {
  const std::string_view line = one_line(text, "get_line", [] { return std::string("text"); });
  const fasttext::Dictionary& dictionary = model.dictionary();
  py::list words, labels;
  const char* at = line.data();
  std::string_view word;
  std::uint32_t hash = 0;
  for (bool ended = false; !ended;) {
    ended = !next_word(at, line.data() + line.size(), word, hash);
    if (ended) word = fasttext::kEndOfLine;
    ended = word == fasttext::kEndOfLine;
    const std::int32_t id = dictionary.find(word);
    if (id >= dictionary.words())
      labels.append(decoded(word, errors));
    else if (id >= 0 || !dictionary.is_label(word))
      words.append(decoded(word, errors));
  }
  return py::make_tuple(words, labels);
}

Held quantise(const Model& model, Index dsub, bool qnorm, bool qout) {
  if (dsub < 1) throw py::value_error("dsub must be at least 1, got " + std::to_string(dsub));
  if (model.quantised()) throw py::value_error("the model is quantized already");
  Interrupts interrupts;
  const ReleaseGil release;
  const Index dim = model.input().dim();
  fasttext::TablePtr input = fasttext::QuantisedTable::make(model.input(), std::min(dsub, dim), qnorm, interrupts);
  fasttext::TablePtr output = model.output_ptr();
  if (qout) output = fasttext::QuantisedTable::make(*output, std::min<Index>(2, dim), qnorm, interrupts);
  return std::make_shared<Model>(model.dictionary_ptr(), std::move(input), std::move(output), true, qout);
}

// A model of the chosen rows of the input alone, which is not quantised yet.
Held pruned(const Model& model, py::handle chosen) {
  const py::array ids = as_int64(chosen, "rows");
  check_rank(ids, 1, "rows");
  std::vector<std::int32_t> rows;
  for (Index i = 0; i < ids.size(); ++i) {
    const std::int64_t row = in<std::int64_t>(ids)[i];
    if (row < 0 || row >= model.input().rows()) throw py::index_error("rows holds " + std::to_string(row));
    rows.push_back(static_cast<std::int32_t>(row));
  }
  if (model.quantised()) throw py::value_error("the model is quantized already");
  const fasttext::DictionaryPtr dictionary = model.dictionary().prune(rows);
  const Index dim = model.input().dim();
  auto data = std::make_shared<std::vector<float>>(rows.size() * static_cast<std::size_t>(dim));
  for (std::size_t i = 0; i < rows.size(); ++i) model.input().copy(rows[i], data->data() + i * static_cast<std::size_t>(dim));
  const float* const numbers = data->data();
  auto input = std::make_shared<fasttext::DenseTable>(static_cast<Index>(rows.size()), dim, data, numbers);
  return std::make_shared<Model>(dictionary, std::move(input), model.output_ptr(), false, false);
}

py::list tokenize(py::handle text) {
  const std::string_view bytes = utf8(text, [] { return std::string("text"); });
  py::list words;
  const char* at = bytes.data();
  std::string_view word;
  std::uint32_t hash = 0;
  while (next_word(at, bytes.data() + bytes.size(), word, hash)) words.append(to_str(word));
  return words;
}

}  // namespace

void register_fasttext(py::module_& m) {
  using namespace py::literals;
  py::class_<Model, Held>(m, "FastTextModel")
      .def_static(
          "load",
          [](py::handle path) {
            const std::string name = fs_path(path);
            return with_os_errors(path, [&] {
              const ReleaseGil release;
              return unconst(Model::load(name));
            });
          },
          "path"_a)
      .def(
          "save",
          [](const Model& model, py::handle path) {
            const std::string name = fs_path(path);
            with_os_errors(path, [&] {
              const ReleaseGil release;
              model.save(name);
              return 0;
            });
          },
          "path"_a)
      .def_property_readonly("num_words", [](const Model& model) { return model.dictionary().words(); })
      .def_property_readonly("num_labels", [](const Model& model) { return model.dictionary().labels(); })
      .def_property_readonly("num_tokens", [](const Model& model) { return model.dictionary().tokens(); })
      .def_property_readonly("num_rows", [](const Model& model) { return model.input().rows(); })
      .def_property_readonly("is_quantised", &Model::quantised)
      .def_property_readonly("is_output_quantised", &Model::output_quantised)
      .def_property_readonly("is_pruned", [](const Model& model) { return model.dictionary().pruned(); })
      .def("settings", &settings_of)
      .def(
          "entries",
          [](const Model& model, Index begin, Index end) {
            py::list found;
            for (Index i = begin; i < std::min(end, model.dictionary().words() + model.dictionary().labels()); ++i) {
              const std::string_view entry = model.dictionary().entry(i);
              found.append(py::bytes(entry.data(), entry.size()));
            }
            return found;
          },
          "begin"_a, "end"_a)
      .def(
          "counts",
          [](const Model& model, Index begin, Index end) {
            std::vector<std::int64_t> counts;
            for (Index i = begin; i < std::min(end, model.dictionary().words() + model.dictionary().labels()); ++i)
              counts.push_back(model.dictionary().count(i));
            return to_array(counts);
          },
          "begin"_a, "end"_a)
      .def(
          "find",
          [](const Model& model, py::handle word) { return model.dictionary().find(utf8(word, [] { return std::string("word"); })); },
          "word"_a)
      .def("pieces", &pieces_of, "word"_a, "errors"_a)
      .def(
          "piece_row",
          [](const Model& model, py::handle piece) {
            return model.dictionary().piece_row(utf8(piece, [] { return std::string("subword"); }));
          },
          "piece"_a)
      .def("read_line", &words_of_line, "text"_a, "errors"_a)
      .def(
          "rows",
          [](const Model& model, py::handle text) {
            const std::string_view line = one_line(text, "rows", [] { return std::string("text"); });
            Line read;
            const char* at = line.data();
            model.dictionary().read_line(at, at + line.size(), true, read);
            return to_array(read.rows);
          },
          "text"_a)
      .def(
          "word_vector",
          [](const Model& model, py::handle word) {
            py::array_t<float> a = vector_of(model.input().dim());
            Line scratch;
            model.word_vector(utf8(word, [] { return std::string("word"); }), scratch, a.mutable_data());
            return a;
          },
          "word"_a)
      .def(
          "sentence_vector",
          [](const Model& model, py::handle text) {
            const std::string_view line = one_line(text, "predict", [] { return std::string("text"); });
            py::array_t<float> a = vector_of(model.input().dim());
            Line scratch;
            model.sentence_vector(line, scratch, a.mutable_data());
            return a;
          },
          "text"_a)
      .def(
          "input_vector", [](const Model& model, Index row) { return row_of(model.input(), row); }, "row"_a)
      .def(
          "output_vector", [](const Model& model, Index row) { return row_of(model.output(), row); }, "row"_a)
      .def("input_matrix", [](const Model& model) { return matrix_of(model.input()); })
      .def("output_matrix", [](const Model& model) { return matrix_of(model.output()); })
      .def(
          "with_matrices",
          [](const Model& model, py::handle input, py::handle output) {
            return unconst(model.with_tables(table_of(as_floats(input, "input_matrix"), "input_matrix"),
                                             table_of(as_floats(output, "output_matrix"), "output_matrix")));
          },
          "input_matrix"_a, "output_matrix"_a)
      .def("normalised_word_vectors", &normalised_word_vectors)
      .def("predict", &predict_list, "texts"_a, "k"_a, "threshold"_a, "names"_a, "errors"_a, "n_threads"_a)
      .def("predict_one", &predict_one, "text"_a, "k"_a, "threshold"_a, "names"_a, "errors"_a)
      .def("predict_lines", &predict_lines, "file"_a, "k"_a, "threshold"_a, "labelled_only"_a, "n_threads"_a)
      .def("quantise", &quantise, "dsub"_a, "qnorm"_a, "qout"_a)
      .def("pruned", &pruned, "rows"_a)
      .def("folded", [](const Model& model) {
        if (!model.settings().supervised()) throw py::value_error("only a supervised model can be folded");
        const ReleaseGil release;
        return unconst(model.folded());
      });
  m.def("fasttext_tokenize", &tokenize, "text"_a);
}

}  // namespace pyffnn::bindings
