// Models of fastText's files: what pyffnn.integrations.fasttext is made of.
#include "bindings/register_fasttext.h"

#include <pybind11/stl.h>

#include <cmath>

#include "bindings/fasttext_input.h"
#include "bindings/scalars.h"
#include "core/thread_pool.h"
#include "fasttext/narrow_table.h"

namespace pyffnn::bindings {
namespace {

using fasttext::Line;
using fasttext::Model;
using fasttext::ModelPtr;
using fasttext::next_word;

constexpr char kInd[] = "ind";

// pybind11 has no holder of const objects; none of the methods changes one.
using Held = std::shared_ptr<Model>;
Held unconst(const ModelPtr& model) { return std::const_pointer_cast<Model>(model); }

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

// A model whose input table has shorter numbers.
Held narrowed(const Model& model, const std::string& dtype) {
  if (dtype != "float16" && dtype != "int8") throw py::value_error("dtype must be 'float16' or 'int8', got '" + dtype + "'");
  if (model.quantised()) throw py::value_error("the model is quantized already");
  Interrupts interrupts;
  const ReleaseGil release;
  const auto kind = dtype == "int8" ? fasttext::Narrow::int8 : fasttext::Narrow::float16;
  return unconst(model.with_tables(fasttext::narrowed(model.input(), kind, interrupts), model.output_ptr()));
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
  auto model_class = py::class_<Model, Held>(m, "FastTextModel");
  model_class
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
            return to_array(std::vector<std::int32_t>(read.rows.begin(), read.rows.end()));
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
          "input_vector", [](const Model& model, Whole<kInd> row) { return row_of(model.input(), row.value); }, "row"_a)
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
      .def("quantise", &quantise, "dsub"_a, "qnorm"_a, "qout"_a)
      .def("pruned", &pruned, "rows"_a)
      .def("narrowed", &narrowed, "dtype"_a)
      .def("folded", [](const Model& model) {
        if (!model.settings().supervised()) throw py::value_error("only a supervised model can be folded");
        const ReleaseGil release;
        return unconst(model.folded());
      });
  add_fasttext_predict(model_class);
  m.def("fasttext_tokenize", &tokenize, "text"_a);
}

}  // namespace pyffnn::bindings
