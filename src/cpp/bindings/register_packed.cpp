#include "bindings/operands.h"
#include "bindings/register.h"
#include "core/dispatch.h"

namespace pyffnn::bindings {
namespace {

constexpr const char* kPrecisions[] = {"float32", "bfloat16x3", "bfloat16", "auto"};
const char* dtype_text(const PyPacked& p) { return p.num() == kFloat32 ? "float32" : "float64"; }
const char* precision_text(const PyPacked& p) { return kPrecisions[static_cast<int>(p.precision())]; }

std::unique_ptr<PyPacked> pack(py::handle w_in, bool transpose, int precision) {
  py::array w = as_floats(w_in, "w");
  check_rank(w, 2, "w");
  w = as_matrix(w);
  const Index k = w.shape(transpose ? 1 : 0), n = w.shape(transpose ? 0 : 1);
  const Precision chosen = precision_of(precision);
  auto packed = std::make_unique<PyPacked>();
  by_dtype(dtype_num(w), [&](auto t) {
    using T = decltype(t);
    const ops::ConstMat<T> from = operand<T>(w, transpose);
    auto* const slot = &packed->slot<T>();
    released([=] { *slot = std::make_unique<const ops::PackedMatrix<T>>(k, n, from, chosen); });
  });
  return packed;
}

}  // namespace

void check_packed(const PyPacked& b, const char* name, int code) {
  const Precision wanted = precision_of(code);
  if (!b.usable())
    value_error(name, "was packed in " + std::string(precision_text(b)) + " on ISA '" + b.isa() + "', and ISA '" + dispatch::active().isa +
                          "' has no tiles: pack it again");
  // Without tiles every precision is float32; float64 takes no notice of it.
  if (code == kUnsaid || b.num() == kFloat64 || !dispatch::active().has_tiles() || wanted == b.precision()) return;
  value_error("precision", "must be left out or that of the packed " + std::string(name) + ", '" + precision_text(b) + "', got '" +
                               kPrecisions[code] + "'");
}

void register_packed(py::module_& m) {
  py::class_<PyPacked>(m, "PackedMatrix")
      .def_property_readonly("shape", [](const PyPacked& p) { return py::make_tuple(p.k(), p.n()); })
      .def_property_readonly("dtype",
                             [](const PyPacked& p) { return p.num() == kFloat32 ? py::dtype::of<float>() : py::dtype::of<double>(); })
      .def_property_readonly("precision", &precision_text)
      .def_property_readonly("isa", [](const PyPacked& p) { return std::string(p.isa()); })
      .def_property_readonly("nbytes", &PyPacked::bytes)
      .def("__repr__", [](const PyPacked& p) {
        return "PackedMatrix(shape=" + shape_text({p.k(), p.n()}) + ", dtype=" + dtype_text(p) + ", precision='" + precision_text(p) +
               "', isa='" + p.isa() + "', nbytes=" + std::to_string(p.bytes()) + ")";
      });
  m.def("pack", &pack);
}

}  // namespace pyffnn::bindings
