// Product quantisation of the rows of a matrix.
#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/interrupts.h"
#include "bindings/register.h"
#include "bindings/settings.h"
#include "quant/product_quantiser.h"

namespace pyffnn::bindings {
namespace {

// (codes uint8 [n, parts], centroids float32 [256 * d])
py::tuple quantise_rows(py::handle rows, py::handle part, std::uint64_t seed) {
  const Index dsub = integer_of("dsub", part);
  if (dsub < 1) value_error("dsub", "must be at least 1, got " + std::to_string(dsub));
  const py::array x = contiguous(as_dtype(as_floats(rows, "rows"), kFloat32));
  if (x.ndim() != 2 || x.shape(1) == 0) value_error("rows", "must be 2-D with a column at least, got shape " + shape_text(x));
  const Index n = x.shape(0), dim = x.shape(1);
  const float* const from = static_cast<const float*>(x.data());
  for (Index i = 0; i < n * dim; ++i)
    if (!std::isfinite(from[i])) value_error("rows", "must be finite");
  quant::ProductQuantiser quantiser(dim, std::min(dsub, dim));
  py::array_t<std::uint8_t> codes({n, quantiser.parts()});
  std::uint8_t* const to = codes.mutable_data();
  Interrupts interrupts;
  {
    const ReleaseGil release;
    quantiser.train(from, n, seed, interrupts);
    quantiser.encode(from, n, to);
  }
  const std::vector<float>& centroids = quantiser.centroids();
  return py::make_tuple(codes, py::array_t<float>(static_cast<py::ssize_t>(centroids.size()), centroids.data()));
}

}  // namespace

void register_quant(py::module_& m) { m.def("quantise_rows", &quantise_rows, py::arg("rows"), py::arg("dsub"), py::arg("seed")); }

}  // namespace pyffnn::bindings
