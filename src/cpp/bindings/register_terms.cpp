// Counts of the terms of documents, for scikit-learn's vectorizers.
#include <memory>

#include "bindings/arrays.h"
#include "bindings/register.h"
#include "bindings/text_input.h"
#include "text/terms.h"

namespace pyffnn::bindings {
namespace {

template <class F>
const std::uint8_t* bits_where(F holds) {
  auto* bits = new std::vector<std::uint8_t>(0x110000 / 8);  // kept for ever
  for (Py_UCS4 c = 0; c < 0x110000; ++c)
    if (holds(c)) (*bits)[c >> 3] = static_cast<std::uint8_t>((*bits)[c >> 3] | 1u << (c & 7));
  return bits->data();
}
// What Python's re takes for \w and for \s, a bit a code point.
const std::uint8_t* word_characters() {
  static const std::uint8_t* const table = bits_where([](Py_UCS4 c) { return Py_UNICODE_ISALNUM(c) || c == '_'; });
  return table;
}
const std::uint8_t* spaces() {
  static const std::uint8_t* const table = bits_where([](Py_UCS4 c) { return Py_UNICODE_ISSPACE(c) != 0; });
  return table;
}

// Documents held while their characters are read without the GIL.
struct Documents {
  py::list held;
  std::vector<text::Characters> views;

  // `prepare` is asked for the form of each that is not ASCII; None: as it is.
  Documents(const py::list& documents, py::handle prepare) {
    views.reserve(documents.size());
    Index position = 0;
    for (py::handle item : documents) {
      if (!PyUnicode_Check(item.ptr()))
        throw py::type_error("document " + std::to_string(position) + " must be str, got " + Py_TYPE(item.ptr())->tp_name);
      py::object kept = py::reinterpret_borrow<py::object>(item);
#if PY_VERSION_HEX < 0x030C0000
      if (PyUnicode_READY(kept.ptr()) != 0) throw py::error_already_set();
#endif
      const bool prepared = !PyUnicode_IS_ASCII(kept.ptr()) && !prepare.is_none();
      if (prepared) {
        kept = prepare(kept);
        if (!PyUnicode_Check(kept.ptr())) throw py::type_error("a prepared document must be str");
      }
      PyObject* const s = kept.ptr();
      views.push_back(
          {PyUnicode_DATA(s), PyUnicode_GET_LENGTH(s), static_cast<int>(PyUnicode_KIND(s)), PyUnicode_IS_ASCII(s) != 0, prepared});
      held.append(kept);
      ++position;
    }
  }
};

// UTF-8 in which a lone surrogate is three bytes too: the order of the bytes is that of the characters.
py::bytes bytes_of(py::handle s) {
  PyObject* const made = PyUnicode_AsEncodedString(s.ptr(), "utf-8", "surrogatepass");
  if (made == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::bytes>(made);
}
std::unique_ptr<text::TermTable> table_of(py::handle terms) {
  auto table = std::make_unique<text::TermTable>();
  for (py::handle term : terms) table->add(std::string_view(bytes_of(term)));
  return table;
}

text::TermOptions options_of(const std::string& analyzer, bool lowercase, Index min_length, Index min_n, Index max_n) {
  if (min_n < 1 || max_n < min_n)
    value_error("ngram_range", "must be 1 <= min <= max, got " + std::to_string(min_n) + ", " + std::to_string(max_n));
  if (analyzer == "word") return {text::TermKind::word, lowercase, min_length, min_n, max_n, word_characters()};
  if (analyzer == "char") return {text::TermKind::character, lowercase, 1, min_n, max_n, spaces()};
  if (analyzer == "char_wb") return {text::TermKind::bounded, lowercase, 1, min_n, max_n, spaces()};
  value_error("analyzer", "must be 'word', 'char' or 'char_wb', got '" + analyzer + "'");
}

template <class T>
py::tuple rows_of(text::TermRows<T>& rows) {
  const bool wide = rows.indptr.back() > 0x7fffffff;
  py::array columns = hand_over(std::move(rows.columns)), indptr = hand_over(std::move(rows.indptr));
  if (wide)
    columns = py::array(columns.attr("astype")("int64"));
  else
    indptr = py::array(indptr.attr("astype")("int32"));
  return py::make_tuple(indptr, columns, hand_over(std::move(rows.values)));
}

// From each term to its column. A string goes into the dict while it is still in the caches.
py::dict columns_of(const text::TermList& vocabulary) {
  py::dict columns;
  std::size_t begin = 0;
  for (Index i = 0; i < vocabulary.size(); ++i) {
    const std::size_t end = vocabulary.ends[static_cast<std::size_t>(i)];
    const auto name = py::reinterpret_steal<py::object>(
        PyUnicode_DecodeUTF8(vocabulary.bytes.data() + begin, static_cast<Py_ssize_t>(end - begin), "surrogatepass"));
    if (!name) throw py::error_already_set();
    const py::int_ column(i);
    if (PyDict_SetItem(columns.ptr(), name.ptr(), column.ptr()) != 0) throw py::error_already_set();
    begin = end;
  }
  return columns;
}

template <class T>
py::tuple count(const Documents& documents, const text::TermOptions& options, const text::TermTable& stop) {
  text::TermList vocabulary;
  text::TermRows<T> rows;
  const text::Characters* const views = documents.views.data();
  const Index n = static_cast<Index>(documents.views.size());
  auto* const terms = &vocabulary;
  auto* const result = &rows;
  const text::TermTable* const stops = &stop;
  released([=] { *result = text::count_terms<T>(views, n, options, *stops, *terms); });
  return py::make_tuple(columns_of(vocabulary), rows_of(rows));
}

// (dict from term to column, in the order of the columns, (indptr, columns, counts)); `floats`: counts are float64, else int64.
py::tuple count_terms(const py::list& given, py::handle prepare, const std::string& analyzer, bool lowercase, Index min_length, Index min_n,
                      Index max_n, py::handle stop_in, bool floats) {
  const text::TermOptions options = options_of(analyzer, lowercase, min_length, min_n, max_n);
  const auto stop = table_of(stop_in);
  const Documents documents(given, prepare);
  return floats ? count<double>(documents, options, *stop) : count<std::int64_t>(documents, options, *stop);
}

// (indptr, columns, counts) of the terms of a dict from term to column
py::tuple count_known(const py::list& given, py::handle prepare, const std::string& analyzer, bool lowercase, Index min_length, Index min_n,
                      Index max_n, py::handle stop_in, const py::dict& known) {
  const text::TermOptions options = options_of(analyzer, lowercase, min_length, min_n, max_n);
  const auto stop = table_of(stop_in);
  text::TermTable table;
  std::vector<std::int32_t> columns;
  for (const auto& [term, column] : known) {
    if (!PyUnicode_Check(term.ptr())) continue;  // no document has it
    const Index number = table.add(std::string_view(bytes_of(term)));
    if (number != static_cast<Index>(columns.size())) continue;
    columns.push_back(py::cast<std::int32_t>(py::int_(py::reinterpret_borrow<py::object>(column))));
    if (columns.back() < 0) value_error("vocabulary", "must have columns from 0 on, got " + std::to_string(columns.back()));
  }
  const Documents documents(given, prepare);
  text::TermRows<std::int64_t> rows;
  const text::Characters* const views = documents.views.data();
  const Index n = static_cast<Index>(documents.views.size());
  auto* const result = &rows;
  const text::TermTable *const stops = stop.get(), *const all = &table;
  const auto* const places = &columns;
  released([=] { *result = text::count_known<std::int64_t>(views, n, options, *stops, *all, *places); });
  return rows_of(rows);
}

py::tuple hash_terms(const py::list& given, py::handle prepare, const std::string& analyzer, bool lowercase, Index min_length, Index min_n,
                     Index max_n, py::handle stop_in, Index n_features, bool signs) {
  const text::TermOptions options = options_of(analyzer, lowercase, min_length, min_n, max_n);
  if (n_features < 1 || n_features > 0x7fffffff) value_error("n_features", "must be in [1, 2**31), got " + std::to_string(n_features));
  const auto stop = table_of(stop_in);
  const Documents documents(given, prepare);
  text::TermRows<double> rows;
  const text::Characters* const views = documents.views.data();
  const Index n = static_cast<Index>(documents.views.size());
  auto* const result = &rows;
  const text::TermTable* const stops = stop.get();
  released([=] { *result = text::hash_terms(views, n, options, *stops, n_features, signs); });
  return rows_of(rows);
}

}  // namespace

void register_terms(py::module_& m) {
  m.def("count_terms", &count_terms);
  m.def("count_known_terms", &count_known);
  m.def("hash_terms", &hash_terms);
}

}  // namespace pyffnn::bindings
