#include "bindings/arrow_batch.h"

#include <algorithm>
#include <cstring>
#include <deque>

namespace pyffnn::bindings {

namespace py = pybind11;

namespace {

template <class A>
struct Releases {
  void operator()(A* a) const {
    if (a->release != nullptr) a->release(a);
    delete a;
  }
};

// What a copy of a node that we give away owns: its children, and what keeps the memory that it points to.
template <class A>
struct Node {
  std::shared_ptr<const void> keeper;
  std::deque<A> nodes;
  std::vector<A*> children;
};

template <class A>
void release_node(A* a) {
  auto* const node = static_cast<Node<A>*>(a->private_data);
  for (A& child : node->nodes)
    if (child.release != nullptr) child.release(&child);
  delete node;
  a->release = nullptr;
}

// `to` becomes a node of copies, filled by copy(from child, to child).
template <class A, class F>
void give_node(A* to, const std::shared_ptr<const void>& keeper, const A& from, F&& copy) {
  auto node = std::make_unique<Node<A>>();
  node->keeper = keeper;
  *to = from;
  for (std::int64_t i = 0; i < from.n_children; ++i) {
    copy(*from.children[i], &node->nodes.emplace_back());
    node->children.push_back(&node->nodes.back());
  }
  if (from.dictionary != nullptr) {
    copy(*from.dictionary, &node->nodes.emplace_back());
    to->dictionary = &node->nodes.back();
  }
  to->children = node->children.data();
  to->release = &release_node<A>;
  to->private_data = node.release();
}
template <class A>
void give_copy(A* to, const std::shared_ptr<const void>& keeper, const A& from) {
  give_node(to, keeper, from, [&](const A& child, A* copy) { give_copy(copy, keeper, child); });
}

// Which of a column are there: a bit each.
bool is_there(const ArrowArray& a, std::int64_t i) {
  if (a.n_buffers < 1 || a.buffers[0] == nullptr || a.null_count == 0) return true;
  const std::int64_t at = a.offset + i;
  return (static_cast<const unsigned char*>(a.buffers[0])[at / 8] >> (at % 8) & 1) != 0;
}

// Texts one by one, of each of the three layouts.
class TextReader {
 public:
  TextReader(const ArrowArray& a, const std::string& format) : a_(a), format_(format) {}
  static bool reads(const std::string& format) { return format == "u" || format == "U" || format == "vu"; }

  std::string_view operator()(std::int64_t i) const {
    const std::int64_t at = a_.offset + i;
    if (format_ == "vu") return view(at);
    const bool wide = format_ == "U";
    const auto offset = [&](std::int64_t j) {
      return wide ? static_cast<const std::int64_t*>(a_.buffers[1])[j] : std::int64_t{static_cast<const std::int32_t*>(a_.buffers[1])[j]};
    };
    const std::int64_t begin = offset(at), end = offset(at + 1);
    if (begin < 0 || end < begin) throw py::value_error("the offsets of an Arrow column do not rise");
    return {static_cast<const char*>(a_.buffers[2]) + begin, static_cast<std::size_t>(end - begin)};
  }

 private:
  std::string_view view(std::int64_t at) const {
    const char* const view = static_cast<const char*>(a_.buffers[1]) + at * 16;
    std::int32_t head[4];
    std::memcpy(head, view, sizeof(head));
    const std::int64_t size = head[0], buffer = head[2], begin = head[3], buffers = a_.n_buffers - 3;
    if (size >= 0 && size <= 12) return {view + 4, static_cast<std::size_t>(size)};
    const auto* const sizes = static_cast<const std::int64_t*>(a_.buffers[a_.n_buffers - 1]);
    if (size < 0 || buffer < 0 || buffer >= buffers || begin < 0 || begin + size > sizes[buffer])
      throw py::value_error("a view of an Arrow column leads out of its buffers");
    return {static_cast<const char*>(a_.buffers[2 + buffer]) + begin, static_cast<std::size_t>(size)};
  }

  const ArrowArray& a_;
  std::string format_;
};

std::int64_t index_of(const ArrowArray& a, char format, std::int64_t i) {
  const void* const data = a.buffers[1];
  const std::int64_t at = a.offset + i;
  switch (format) {
    case 'c':
      return static_cast<const std::int8_t*>(data)[at];
    case 'C':
      return static_cast<const std::uint8_t*>(data)[at];
    case 's':
      return static_cast<const std::int16_t*>(data)[at];
    case 'S':
      return static_cast<const std::uint16_t*>(data)[at];
    case 'i':
      return static_cast<const std::int32_t*>(data)[at];
    case 'I':
      return static_cast<const std::uint32_t*>(data)[at];
    default:
      return static_cast<const std::int64_t*>(data)[at];
  }
}

py::object presence(const ArrowColumn& c) {
  if (c.array->n_buffers < 1 || c.array->buffers[0] == nullptr || c.array->null_count == 0) return py::none();
  py::array_t<bool> there(c.length);
  for (std::int64_t i = 0; i < c.length; ++i) there.mutable_data()[i] = is_there(*c.array, c.offset + i);
  return there;
}

template <class T>
py::array borrowed(const ArrowColumn& c, const void* data, std::int64_t size) {
  using Keeper = std::shared_ptr<const void>;
  const py::capsule owner(new Keeper(c.keeper), [](void* p) { delete static_cast<Keeper*>(p); });
  py::array view(py::dtype::of<T>(), {static_cast<py::ssize_t>(size)}, {}, data, owner);
  py::detail::array_proxy(view.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return view;
}

template <class T>
py::tuple in_place(const ArrowColumn& c) {
  const T* const offsets = static_cast<const T*>(c.array->buffers[1]);
  if (c.length == 0 || offsets == nullptr) {
    py::array_t<std::int64_t> none(1);
    none.mutable_data()[0] = 0;
    return py::make_tuple(py::array_t<std::uint8_t>(0), none, presence(c));
  }
  const T* const from = offsets + c.array->offset + c.offset;
  if (from[0] < 0 || from[c.length] < from[0]) throw py::value_error("the offsets of an Arrow column do not rise");
  return py::make_tuple(borrowed<std::uint8_t>(c, c.array->buffers[2], from[c.length]), borrowed<T>(c, from, c.length + 1), presence(c));
}

// text(i) of n
template <class F>
py::tuple copied(std::int64_t n, F&& text, py::object there) {
  py::array_t<std::int64_t> offsets(n + 1);
  std::int64_t* const ends = offsets.mutable_data();
  std::string bytes;
  ends[0] = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    bytes.append(text(i));
    ends[i + 1] = static_cast<std::int64_t>(bytes.size());
  }
  return py::make_tuple(py::bytes(bytes), offsets, std::move(there));
}

[[noreturn]] void refuse_column(const ArrowColumn& c) {
  const char* const format = c.schema->dictionary != nullptr ? c.schema->dictionary->format : c.schema->format;
  throw py::type_error("column '" + c.name() + "' must hold texts (utf8, large_utf8 or string_view), got Arrow format '" + format + "'" +
                       (c.schema->dictionary != nullptr ? " in a dictionary" : ""));
}

}  // namespace

py::tuple texts_of(const ArrowColumn& c) {
  const std::string format = c.schema->format;
  if (format == "n") {
    py::array_t<bool> there(c.length);
    std::fill_n(there.mutable_data(), c.length, false);
    return copied(c.length, [](std::int64_t) { return std::string_view(); }, there);
  }
  if (c.schema->dictionary != nullptr) {
    const std::string values = c.schema->dictionary->format;
    if (!TextReader::reads(values) || format.size() != 1 || c.array->dictionary == nullptr) refuse_column(c);
    const ArrowArray& entries = *c.array->dictionary;
    const TextReader reader(entries, values);
    py::array_t<bool> there(c.length);
    bool* const is = there.mutable_data();
    return copied(
        c.length,
        [&](std::int64_t i) {
          is[i] = is_there(*c.array, c.offset + i);
          if (!is[i]) return std::string_view();
          const std::int64_t at = index_of(*c.array, format[0], c.offset + i);
          if (at < 0 || at >= entries.length) throw py::value_error("an index of column '" + c.name() + "' leads out of its dictionary");
          is[i] = is_there(entries, at);
          return is[i] ? reader(at) : std::string_view();
        },
        there);
  }
  if (format == "u") return in_place<std::int32_t>(c);
  if (format == "U") return in_place<std::int64_t>(c);
  if (format != "vu") refuse_column(c);
  const TextReader reader(*c.array, format);
  return copied(
      c.length, [&](std::int64_t i) { return is_there(*c.array, c.offset + i) ? reader(c.offset + i) : std::string_view(); }, presence(c));
}

ArrowBatch::ArrowBatch(ArrowSchema* schema, ArrowArray* array) {
  struct Held {
    std::unique_ptr<ArrowSchema, Releases<ArrowSchema>> schema;
    std::unique_ptr<ArrowArray, Releases<ArrowArray>> array;
  };
  auto held = std::make_shared<Held>();
  held->schema.reset(new ArrowSchema(*schema));
  schema->release = nullptr;
  held->array.reset(new ArrowArray(*array));
  array->release = nullptr;
  const ArrowSchema& s = *held->schema;
  const ArrowArray& a = *held->array;
  if (std::strcmp(s.format, "+s") != 0 || s.n_children != a.n_children)
    throw py::type_error(std::string("batches must be Arrow record batches, got an array of format '") + s.format + "'");
  rows_ = a.length;
  for (std::int64_t i = 0; i < a.length; ++i)
    if (!is_there(a, i)) throw py::type_error("a record batch has no rows that are null, got one at " + std::to_string(i));
  for (std::int64_t i = 0; i < s.n_children; ++i) columns_.push_back({held, s.children[i], a.children[i], a.offset, a.length});
}

const ArrowColumn& ArrowBatch::column(const std::string& name) const {
  for (const ArrowColumn& c : columns_)
    if (c.name() == name) return c;
  std::string names;
  for (const ArrowColumn& c : columns_) names += (names.empty() ? "'" : ", '") + c.name() + "'";
  throw py::key_error("there is no column '" + name + "' among [" + names + "]");
}

ArrowBatch ArrowBatch::with(ArrowColumn column) const {
  std::vector<ArrowColumn> columns = columns_;
  const auto same = std::find_if(columns.begin(), columns.end(), [&](const ArrowColumn& c) { return c.name() == column.name(); });
  if (same == columns.end())
    columns.push_back(std::move(column));
  else
    *same = std::move(column);
  return {std::move(columns), rows_};
}

void ArrowBatch::give(ArrowSchema* schema) const {
  std::vector<ArrowSchema*> children;
  for (const ArrowColumn& c : columns_) children.push_back(const_cast<ArrowSchema*>(c.schema));
  std::size_t next = 0;
  const ArrowSchema batch{"+s", "", nullptr, 0, static_cast<std::int64_t>(children.size()), children.data(), nullptr, nullptr, nullptr};
  give_node(schema, nullptr, batch, [&](const ArrowSchema& child, ArrowSchema* copy) { give_copy(copy, columns_[next++].keeper, child); });
}

void ArrowBatch::give(ArrowArray* array) const {
  static const void* no_nulls[1] = {nullptr};
  std::vector<ArrowArray*> children;
  for (const ArrowColumn& c : columns_) children.push_back(const_cast<ArrowArray*>(c.array));
  std::size_t next = 0;
  const ArrowArray batch{rows_, 0, 0, 1, static_cast<std::int64_t>(children.size()), no_nulls, children.data(), nullptr, nullptr, nullptr};
  give_node(array, nullptr, batch, [&](const ArrowArray& child, ArrowArray* copy) {
    const ArrowColumn& c = columns_[next++];
    give_copy(copy, c.keeper, child);
    if (c.length != child.length && child.null_count > 0) copy->null_count = -1;
    copy->offset += c.offset;
    copy->length = c.length;
  });
}

namespace {

// The structs of a column made here, and their memory.
struct Made {
  explicit Made(MadeColumn from) : column(std::move(from)) {
    if (column.child != nullptr) child = std::make_unique<Made>(std::move(*column.child));
    if (column.dictionary != nullptr) dictionary = std::make_unique<Made>(std::move(*column.dictionary));
    for (const auto& buffer : column.buffers) buffers.push_back(buffer == nullptr ? nullptr : buffer->data());
    if (child != nullptr) {
      child_schema = &child->schema;
      child_array = &child->array;
    }
    const std::int64_t children = child == nullptr ? 0 : 1;
    schema = {column.format.c_str(),
              column.name.c_str(),
              nullptr,
              kArrowNullable,
              children,
              &child_schema,
              dictionary == nullptr ? nullptr : &dictionary->schema,
              nullptr,
              nullptr};
    array = {column.length,
             buffers.empty() || buffers[0] == nullptr ? 0 : -1,
             0,
             static_cast<std::int64_t>(buffers.size()),
             children,
             buffers.data(),
             &child_array,
             dictionary == nullptr ? nullptr : &dictionary->array,
             nullptr,
             nullptr};
  }
  MadeColumn column;
  std::unique_ptr<Made> child, dictionary;
  std::vector<const void*> buffers;
  ArrowSchema* child_schema = nullptr;
  ArrowArray* child_array = nullptr;
  ArrowSchema schema{};
  ArrowArray array{};
};

}  // namespace

ArrowColumn made(MadeColumn column) {
  const std::int64_t length = column.length;
  const auto held = std::make_shared<const Made>(std::move(column));
  return {held, &held->schema, &held->array, 0, length};
}

}  // namespace pyffnn::bindings
