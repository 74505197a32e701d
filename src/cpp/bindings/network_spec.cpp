#include "bindings/network_spec.h"

#include "net/spec_keys.h"

namespace pyffnn::bindings {

net::Spec network_spec(const py::dict& dict) {
  SettingsReader reader(dict);
  reader.need("input");
  reader.need("n_outputs");
  net::Spec spec;
  net::each_key(reader, spec);
  reader.refuse_unknown();
  if (reader.has("pool") && spec.input != net::InputKind::bags) throw py::value_error("pool must be left out unless input is 'bags'");
  // Adagrad keeps one sum a row of a table unless told otherwise.
  if (!reader.has("embedding_optimizer"))
    spec.embedding_by_row = spec.optimizer == Optim::adagrad && spec.has_table() && spec.input != net::InputKind::windows;
  return spec;
}

py::dict spec_dict(const net::Spec& spec) {
  SettingsWriter writer;
  net::each_key(writer, spec);
  if (spec.input != net::InputKind::bags)
    for (const char* key : {"pool", "window"}) writer.dict.attr("pop")(key);
  return writer.dict;
}

}  // namespace pyffnn::bindings
