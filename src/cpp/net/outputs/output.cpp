#include "net/outputs/output.h"

#include "net/outputs/adaptive.h"
#include "net/outputs/classes.h"
#include "net/outputs/sampled.h"
#include "net/outputs/vocabulary.h"

namespace pyffnn::net {

template <class T>
std::unique_ptr<Output<T>> make_output(const Spec& spec, ParamSet<T>& params, const std::vector<std::int32_t>& by_frequency) {
  switch (spec.output) {
    case OutputKind::vocabulary:
      return std::make_unique<VocabularyOutput<T>>(spec, params);
    case OutputKind::adaptive:
      return std::make_unique<AdaptiveOutput<T>>(spec, params, by_frequency);
    case OutputKind::sampled:
      return std::make_unique<SampledOutput<T>>(spec, params, by_frequency);
    default:
      return std::make_unique<ClassesOutput<T>>(spec);
  }
}

template std::unique_ptr<Output<float>> make_output(const Spec&, ParamSet<float>&, const std::vector<std::int32_t>&);
template std::unique_ptr<Output<double>> make_output(const Spec&, ParamSet<double>&, const std::vector<std::int32_t>&);

}  // namespace pyffnn::net
