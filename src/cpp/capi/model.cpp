#include "capi/model.h"

#include <cmath>

#include "capi/checks.h"
#include "net/sources/dense.h"
#include "net/sources/rows.h"
#include "net/sources/text.h"
#include "text/corpus_builder.h"
#include "text/unicode.h"

namespace pyffnn::capi {
namespace {

void predict(const pyffnn_model& model, const net::Source<float>& source, float* p, Index ldp) {
  const Index count = source.size(), outputs = model.outputs(), units = model.network->spec().n_outputs;
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
  const net::Visit visit{order.data(), nullptr, count};
  NoInterrupt nobody;
  const bool scaled = !model.mean.empty();
  if (ldp == units && !model.one_unit && !scaled) return model.network->predict(source, visit, p, nobody);
  std::vector<float> own(static_cast<std::size_t>(count * units));
  model.network->predict(source, visit, own.data(), nobody);
  for (Index i = 0; i < count; ++i) {
    const float* const from = own.data() + i * units;
    float* const to = p + i * ldp;
    if (scaled) {
      for (Index j = 0; j < units; ++j) {
        const std::size_t k = static_cast<std::size_t>(j);
        to[j] = static_cast<float>(static_cast<double>(from[j]) * model.spread[k] + model.mean[k]);
      }
    } else if (model.one_unit) {
      to[0] = 1 - from[0];
      to[1] = from[0];
    } else {
      std::copy_n(from, outputs, to);
    }
  }
}

// Rows as the CSR features that the network was trained on.
void predict_sparse(const pyffnn_model& model, Index count, Index width, const float* x, Index ldx, float* p, Index ldp) {
  net::RowArrays rows;
  std::vector<std::int32_t> ids;
  std::vector<float> values;
  rows.offsets.push_back(0);
  for (Index i = 0; i < count; ++i) {
    for (Index j = 0; j < width; ++j) {
      if (x[i * ldx + j] == 0) continue;
      ids.push_back(static_cast<std::int32_t>(j));
      values.push_back(x[i * ldx + j]);
    }
    rows.offsets.push_back(static_cast<std::int64_t>(ids.size()));
  }
  values.reserve(1);  // null would mean bags without values
  rows.ids = ids.data();
  predict(model, net::BagSource<float>(rows, values.data(), width), p, ldp);
}

const pyffnn_status* predict_rows(const pyffnn_model* model, Index count, const float* x, Index ldx, float* p, Index ldp) {
  return guarded([&] {
    check_pointer("model", model, 1);
    check_size("count", count);
    if (model->features != nullptr) refuse(PYFFNN_BAD_ARGUMENT, "the model reads texts, not rows of numbers");
    const net::Spec& spec = model->network->spec();
    const Index width = spec.n_inputs;
    check_apart(matrix("p", p, count, model->outputs(), ldp), {matrix("x", x, count, width, ldx)});
    for (Index i = 0; i < count; ++i)
      for (Index j = 0; j < width; ++j)
        if (!std::isfinite(x[i * ldx + j]))
          refuse(PYFFNN_BAD_ARGUMENT, "x must be finite, got %g in row %" PRId64 ", column %" PRId64, static_cast<double>(x[i * ldx + j]),
                 i, j);
    if (count == 0) return;
    if (spec.input == net::InputKind::sparse) return predict_sparse(*model, count, width, x, ldx, p, ldp);
    if (ldx == width) return predict(*model, net::DenseSource<float>(x, count, width), p, ldp);
    std::vector<float> own(static_cast<std::size_t>(count * width));
    for (Index i = 0; i < count; ++i) std::copy_n(x + i * ldx, width, own.data() + i * width);
    predict(*model, net::DenseSource<float>(own.data(), count, width), p, ldp);
  });
}

const pyffnn_status* predict_texts(const pyffnn_model* model, Index count, const char* const* texts, const std::int64_t* sizes, float* p,
                                   Index ldp) {
  return guarded([&] {
    check_pointer("model", model, 1);
    check_size("count", count);
    if (model->features == nullptr) refuse(PYFFNN_BAD_ARGUMENT, "the model reads rows of numbers, not texts");
    (void)matrix("p", p, count, model->outputs(), ldp);
    check_pointer("texts", texts, count);
    NoInterrupt nobody;
    text::CorpusBuilder builder(model->features, nobody);
    std::string repaired;
    for (Index i = 0; i < count; ++i) {
      if (sizes != nullptr && (sizes[i] < 0 || sizes[i] > kMost))
        refuse(PYFFNN_BAD_ARGUMENT, "sizes must not be negative, got %" PRId64 " at %" PRId64, sizes[i], i);
      if (texts[i] == nullptr && (sizes == nullptr || sizes[i] > 0)) refuse(PYFFNN_BAD_ARGUMENT, "texts[%" PRId64 "] must not be NULL", i);
      std::string_view text;
      if (texts[i] != nullptr)
        text = sizes == nullptr ? std::string_view(texts[i]) : std::string_view(texts[i], static_cast<std::size_t>(sizes[i]));
      if (text::find_invalid_utf8(text) != static_cast<Index>(text.size())) {
        text::repair_utf8(text, repaired);
        text = repaired;
      }
      builder.cutter().add_text(text);
    }
    if (count == 0) return;
    const auto corpus = std::make_shared<const text::Corpus>(builder.finish());
    predict(*model, net::TextSource<float>(corpus, model->length), p, ldp);
  });
}

const pyffnn_status* load(const char* path, pyffnn_model** model) {
  return guarded([&] {
    check_pointer("model", model, 1);
    *model = nullptr;
    check_pointer("path", path, 1);
    try {
      *model = load_model(path).release();
    } catch (const std::invalid_argument& error) {
      refuse(PYFFNN_BAD_FILE, "'%s': %s", path, error.what());
    }
  });
}

}  // namespace

void add_models(pyffnn_api& api) {
  api.model_load = &load;
  api.model_free = [](pyffnn_model* model) { delete model; };
  api.model_inputs = [](const pyffnn_model* model) -> std::int64_t {
    return model == nullptr || model->features != nullptr ? 0 : model->network->spec().n_inputs;
  };
  api.model_outputs = [](const pyffnn_model* model) -> std::int64_t { return model == nullptr ? 0 : model->outputs(); };
  api.model_label = [](const pyffnn_model* model, std::int64_t i) -> const char* {
    if (model == nullptr || i < 0 || i >= static_cast<std::int64_t>(model->labels.size())) return nullptr;
    return model->labels[static_cast<std::size_t>(i)].c_str();
  };
  api.model_predict_rows = &predict_rows;
  api.model_predict_texts = &predict_texts;
}

}  // namespace pyffnn::capi
