#include "bindings/register.h"
#include "bindings/register_fasttext.h"

PYBIND11_MODULE(_pyffnn, m, pybind11::mod_gil_not_used()) {
  using namespace pyffnn::bindings;
  m.doc() = "Compiled core of pyffnn. Use pyffnn.ops, pyffnn.runtime and the models; names here may change.";
  register_errors(m);
  register_runtime(m);
  register_products(m);
  register_rowwise(m);
  register_losses(m);
  register_embedding(m);
  register_runs(m);
  register_host_steps(m);
  register_text(m);
  register_fasttext(m);
  register_fasttext_training(m);
  register_fasttext_scoring(m);
  register_arrow(m);
  register_terms(m);
  register_quant(m);
  register_stream(m);
  register_examples(m);
  register_network(m);
  register_peaks(m);
  register_hooks(m);
  register_capi(m);
  register_hot_calls(m);
  register_faults(m);
}
