#include <pybind11/stl.h>

#include <algorithm>

#include "bindings/register.h"
#include "bindings/text_input.h"
#include "text/corpus_builder.h"
#include "text/unicode_data.h"

namespace pyffnn::bindings {
namespace {

using text::Corpus;
using text::CorpusBuilder;
using text::FeatureOptions;
using text::FeaturesPtr;
using text::Featurizer;

py::object iterate(py::handle items, const char* name, const char* what) {
  const auto wrong = [&](const char* more) {
    return py::type_error(std::string(name) + " must be an iterable of " + what + ", got " + Py_TYPE(items.ptr())->tp_name + more);
  };
  if (is_string(items)) throw wrong("; wrap a single one in a list");
  const py::object iterator = iterator_of(items);
  if (!iterator) throw wrong("");
  return iterator;
}

void add_texts(CorpusBuilder& builder, py::handle texts, Interrupts& interrupts) {
  const py::object iterator = iterate(texts, "texts", "str");
  text::Cutter& cutter = builder.cutter();
  SlowPoll slow(interrupts, 64);
  Index i = 0;
  for (py::object item = next(iterator); item; item = next(iterator), ++i) {
    slow.step();
    const std::string_view bytes = utf8(item, [i] { return "texts[" + std::to_string(i) + "]"; });
    if (cutter.is_full()) {
      ReleaseGil release;
      cutter.cut_texts();
    }
    cutter.add_text(bytes);
  }
}

void add_documents_of_words(CorpusBuilder& builder, py::handle documents, Interrupts& interrupts) {
  const py::object iterator = iterate(documents, "documents", "sequences of str");
  std::vector<std::string_view> words;
  std::vector<py::object> kept;
  SlowPoll slow(interrupts, 256);
  Index i = 0;
  for (py::object document = next(iterator); document; document = next(iterator), ++i) {
    const std::string name = "documents[" + std::to_string(i) + "]";
    const py::object inner = iterate(document, name.c_str(), "str");
    words.clear();
    kept.clear();
    slow.step();
    for (py::object word = next(inner); word; word = next(inner)) {
      slow.step();
      words.push_back(utf8(word, [&] { return name + "[" + std::to_string(words.size()) + "]"; }));
      kept.push_back(std::move(word));
    }
    builder.cutter().add_words(words.data(), static_cast<Index>(words.size()));
  }
}

// What is read, and how: the arguments of a file.
struct LabelledFile {
  py::object file;
  std::string name, label_prefix;
  bool replace;
};

void add_file(CorpusBuilder& builder, const LabelledFile& input, Interrupts& interrupts) {
  with_source(input.file, interrupts, [&](text::ByteSource& source) {
    ReleaseGil release;
    builder.add_file(source, input.name, input.label_prefix, input.replace ? text::Invalid::replace : text::Invalid::refuse);
  });
}

// A corpus with a vocabulary of its own.
template <class Input, class AddInput>
std::shared_ptr<Corpus> fit(const FeatureOptions& options, const Input& input, AddInput add) {
  Interrupts interrupts;
  CorpusBuilder builder(options, interrupts);
  add(builder, input, interrupts);
  ReleaseGil release;
  return std::make_shared<Corpus>(builder.finish());
}
// One with that of a featurizer.
template <class Input, class AddInput>
std::shared_ptr<Corpus> encode(const std::shared_ptr<Featurizer>& features, const Input& input, AddInput add) {
  Interrupts interrupts;
  CorpusBuilder builder(features, interrupts);
  add(builder, input, interrupts);
  ReleaseGil release;
  return std::make_shared<Corpus>(builder.finish());
}
// One with that of a featurizer and what is new here.
template <class Input, class AddInput>
std::shared_ptr<Corpus> extend(const std::shared_ptr<Featurizer>& features, const Input& input, std::int64_t min_count,
                               std::int64_t ngram_min_count, AddInput add) {
  Interrupts interrupts;
  FeatureOptions options = features->options();
  options.min_count = min_count;
  options.ngram_min_count = ngram_min_count;
  CorpusBuilder builder(options, interrupts);
  add(builder, input, interrupts);
  ReleaseGil release;
  return std::make_shared<Corpus>(builder.finish_extending(*features));
}

FeatureOptions options_of(const py::dict& given) {
  FeatureOptions options;
  std::size_t read = 0;
  const auto take = [&](const char* name, auto& value) {
    using T = std::decay_t<decltype(value)>;
    if (!given.contains(name)) return;
    ++read;
    try {
      value = py::cast<T>(given[name]);
    } catch (const py::cast_error&) {
      throw py::type_error(std::string(name) + (std::is_same_v<T, bool> ? " must be a bool, got " : " must be an integer, got ") +
                           std::string(py::repr(given[name])));
    }
  };
  text::for_options(options, take);
  take("char_if_short", options.char_if_short);
  if (read != given.size()) throw py::value_error("unknown options among " + std::string(py::repr(py::list(given))));
  return options;
}

py::dict to_dict(const FeatureOptions& options) {
  py::dict found;
  text::for_options(options, [&](const char* name, auto value) { found[name] = value; });
  return found;
}

py::list words_of(const text::Vocabulary& vocabulary, Index begin = 0) {
  Interrupts interrupts;
  SlowPoll slow(interrupts, 1024);
  begin = std::max(Index{0}, std::min(begin, vocabulary.size()));
  py::list words(static_cast<std::size_t>(vocabulary.size() - begin));
  for (Index i = begin; i < vocabulary.size(); ++i) {
    slow.step();
    words[static_cast<std::size_t>(i - begin)] = to_str(vocabulary.word(i));
  }
  return words;
}

py::array word_rows(const Featurizer& features, Index begin) {
  begin = std::max(Index{0}, begin);
  std::vector<std::int64_t> rows;
  for (Index i = begin; i < features.num_words(); ++i) rows.push_back(features.rows().word_row(i));
  return to_array(rows);
}

py::dict state_of(const Featurizer& features) {
  text::State state;
  {
    ReleaseGil release;
    state = features.state();
  }
  py::dict found;
  for (const auto& entry : state) std::visit([&](const auto& values) { found[entry.first.c_str()] = to_array(values); }, entry.second);
  return found;
}

template <class T>
bool take_array(const py::array& a, text::StateArray& to) {
  if (!py::isinstance<py::array_t<T>>(a)) return false;
  const py::array whole = contiguous(a);
  const T* const data = in<T>(whole);
  to = std::vector<T>(data, data + whole.size());
  return true;
}

FeaturesPtr from_state(const py::dict& given) {
  text::State state;
  for (const auto& item : given) {
    const std::string name = py::cast<std::string>(item.first);
    const py::array a = as_array(item.second, name.c_str());
    text::StateArray& to = state[name];
    if (a.ndim() != 1 || !(take_array<std::uint8_t>(a, to) || take_array<std::int64_t>(a, to) || take_array<std::uint64_t>(a, to)))
      throw py::value_error("the featurizer's state \"" + name + "\" must be a 1-D array of uint8, int64 or uint64, got " +
                            std::string(py::str(a.dtype())) + " of shape " + shape_text(a));
  }
  Interrupts interrupts;
  ReleaseGil release;
  return Featurizer::from_state(state, interrupts);
}

std::vector<std::int64_t> documents_of(const Corpus& corpus, py::handle documents) {
  if (documents.is_none()) {
    std::vector<std::int64_t> all(static_cast<std::size_t>(corpus.size()));
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
    return all;
  }
  const py::array a = as_int64(documents, "documents");
  check_rank(a, 1, "documents");
  const std::int64_t* const data = in<std::int64_t>(a);
  std::vector<std::int64_t> chosen(data, data + a.size());
  for (const std::int64_t d : chosen)
    if (d < 0 || d >= corpus.size())
      throw py::index_error("documents holds " + std::to_string(d) + ", outside a corpus of " + std::to_string(corpus.size()));
  return chosen;
}

// Documents a time that the GIL is away without a look at signals.
constexpr Index kSlice = 4096;

py::tuple expand(const Corpus& corpus, py::handle documents) {
  const std::vector<std::int64_t> chosen = documents_of(corpus, documents);
  const auto n = static_cast<Index>(chosen.size());
  std::vector<std::int64_t> offsets{0};
  text::Pages<std::int32_t> rows;
  Interrupts interrupts;
  {
    ReleaseGil release;
    std::vector<std::int32_t> some;
    std::vector<std::int64_t> ends;
    offsets.reserve(chosen.size() + 1);
    for (Index i = 0; i < n; i += kSlice) {
      corpus.expand_batch(chosen.data() + i, std::min(kSlice, n - i), some, ends);
      for (std::size_t k = 1; k < ends.size(); ++k) offsets.push_back(rows.size() + ends[k]);
      rows.append(some.data(), static_cast<Index>(some.size()));
      interrupts.poll();
    }
  }
  return py::make_tuple(hand_over(std::move(rows)), to_array(offsets));
}

py::array sequences(const Corpus& corpus, Index length, py::handle documents) {
  if (length < 1) throw py::value_error("length must be at least 1, got " + std::to_string(length));
  const std::vector<std::int64_t> chosen = documents_of(corpus, documents);
  const auto n = static_cast<Index>(chosen.size());
  if (static_cast<double>(n) * static_cast<double>(length) * 4 > static_cast<double>(physical_memory()))
    throw memory_error("cannot allocate an array of shape " + shape_text({n, length}));
  py::array_t<std::int32_t> ids({n, length});
  std::int32_t* const to = ids.mutable_data();
  Interrupts interrupts;
  {
    ReleaseGil release;
    for (Index i = 0; i < n; i += kSlice) {
      corpus.sequences(chosen.data() + i, std::min(kSlice, n - i), length, to + i * length);
      interrupts.poll();
    }
  }
  return std::move(ids);
}

py::array_t<std::int64_t> label_offsets(const Corpus& corpus) {
  if (!corpus.label_offsets().empty()) return to_array(corpus.label_offsets());
  return to_array(std::vector<std::int64_t>(static_cast<std::size_t>(corpus.size()) + 1, 0));
}

// The tables behind append_lower(), a row a range: first, last, step and delta of what has a lower case; first and last of the cased and of
// the case-ignorable.
py::dict unicode_tables() {
  const auto rows = [](const auto& ranges, auto&& row) {
    std::vector<std::int64_t> numbers;
    for (const auto& range : ranges)
      for (const std::int64_t x : row(range)) numbers.push_back(x);
    const auto n = static_cast<Index>(std::size(ranges));
    return to_array(numbers).reshape({n, static_cast<Index>(numbers.size()) / n});
  };
  using Row = std::vector<std::int64_t>;
  const auto range = [](const text::CodeRange& r) { return Row{r.first, r.last}; };
  py::dict tables;
  tables["lower"] = rows(text::kLowerRanges, [](const text::LowerRange& r) { return Row{r.first, r.last, r.step, r.delta}; });
  tables["cased"] = rows(text::kCased, range);
  tables["ignorable"] = rows(text::kCaseIgnorable, range);
  return tables;
}

}  // namespace

std::shared_ptr<Corpus> encode_texts(const std::shared_ptr<Featurizer>& features, py::handle texts) {
  return encode(features, texts, add_texts);
}

void register_text(py::module_& m) {
  py::class_<Featurizer, std::shared_ptr<Featurizer>> features(m, "TextFeatures");
  py::class_<Corpus, std::shared_ptr<Corpus>> corpus(m, "TextCorpus");

  // pybind11 has no holder of const objects; none of the methods changes one.
  const auto unconst = [](const FeaturesPtr& p) { return std::const_pointer_cast<Featurizer>(p); };
  using Features = std::shared_ptr<Featurizer>;

  features.def_property_readonly("num_words", &Featurizer::num_words)
      .def_property_readonly("num_rows", &Featurizer::num_rows)
      .def_property_readonly("options", [](const Featurizer& f) { return to_dict(f.options()); })
      .def_property_readonly("counts", [](const Featurizer& f) { return to_array(f.counts()); })
      .def(
          "words", [](const Featurizer& f, Index begin) { return words_of(f.words(), begin); }, py::arg("begin") = 0)
      .def("word_rows", &word_rows, py::arg("begin") = 0)
      .def(
          "char_rows", [](const Featurizer& f, Index begin) { return to_array(f.rows().piece_rows_since(begin)); }, py::arg("begin") = 0)
      .def("word",
           [](const Featurizer& f, Index row) {
             const Index id = row < 0 || row > std::numeric_limits<std::int32_t>::max() ? -1 : f.rows().word_of(row);
             if (id < 0)
               throw py::index_error("id " + std::to_string(row) + " is outside a vocabulary of " + std::to_string(f.num_words()));
             return to_str(f.words().word(id));
           })
      .def("find",
           [](const Featurizer& f, py::handle word) {
             const std::int32_t id = f.find(utf8(word, [] { return std::string("word"); }));
             return id < 0 ? id : f.rows().word_row(id);
           })
      .def("state", &state_of)
      .def_static("from_state", [unconst](const py::dict& state) { return unconst(from_state(state)); })
      .def("encode_texts", [](const Features& f, py::handle texts) { return encode_texts(f, texts); })
      .def("encode_words", [](const Features& f, py::handle documents) { return encode(f, documents, add_documents_of_words); })
      .def("encode_file", [](const Features& f, py::object file, const std::string& name, const std::string& prefix,
                             bool replace) { return encode(f, LabelledFile{std::move(file), name, prefix, replace}, add_file); })
      .def("extend_texts", [](const Features& f, py::handle texts, std::int64_t min_count,
                              std::int64_t ngram_min_count) { return extend(f, texts, min_count, ngram_min_count, add_texts); })
      .def("extend_words",
           [](const Features& f, py::handle documents, std::int64_t min_count, std::int64_t ngram_min_count) {
             return extend(f, documents, min_count, ngram_min_count, add_documents_of_words);
           })
      .def("extend_file", [](const Features& f, py::object file, const std::string& name, const std::string& prefix, bool replace,
                             std::int64_t min_count, std::int64_t ngram_min_count) {
        return extend(f, LabelledFile{std::move(file), name, prefix, replace}, min_count, ngram_min_count, add_file);
      });

  corpus.def("__len__", &Corpus::size)
      .def_property_readonly("features", [unconst](const Corpus& c) { return unconst(c.shared_features()); })
      .def_property_readonly("num_tokens", &Corpus::num_tokens)
      .def_property_readonly("has_short_texts", [](const Corpus& c) { return text::has_short_texts(c.num_tokens(), c.size()); })
      .def_property_readonly("ids", [](const Corpus& c) { return to_array(c.ids()); })
      .def_property_readonly("offsets", [](const Corpus& c) { return to_array(c.offsets()); })
      .def_property_readonly("label_ids", [](const Corpus& c) { return to_array(c.label_ids()); })
      .def_property_readonly("label_offsets", &label_offsets)
      .def_property_readonly("labels", [](const Corpus& c) { return words_of(c.labels()); })
      .def("expand", &expand, py::arg("documents") = py::none())
      .def("sequences", &sequences, py::arg("length"), py::arg("documents") = py::none());

  m.def("unicode_tables", &unicode_tables);
  m.def("fit_texts", [](py::handle texts, const py::dict& options) { return fit(options_of(options), texts, add_texts); });
  m.def("fit_words",
        [](py::handle documents, const py::dict& options) { return fit(options_of(options), documents, add_documents_of_words); });
  m.def("fit_file", [](py::object file, const std::string& name, const std::string& prefix, bool replace, const py::dict& options) {
    return fit(options_of(options), LabelledFile{std::move(file), name, prefix, replace}, add_file);
  });
}

}  // namespace pyffnn::bindings
