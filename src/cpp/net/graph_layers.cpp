// Which layers a spec asks for.
#include "core/random.h"
#include "net/graph.h"
#include "net/layers/activation.h"
#include "net/layers/column_dropout.h"
#include "net/layers/dropout.h"
#include "net/layers/linear.h"
#include "net/layers/norm.h"
#include "net/layers/ordinal.h"
#include "net/layers/spread.h"

namespace pyffnn::net {
namespace {

template <class T>
class Builder {
 public:
  Builder(const Spec& spec, ParamSet<T>& params)
      : s_(spec), params_(params), first_(spec.input == InputKind::dense || spec.freeze_embeddings) {}

  Layers<T> build() {
    const Index input = s_.width(), last = s_.last_size();
    // A sparse input is the first linear layer itself.
    const bool sparse = s_.input == InputKind::sparse;
    if (sparse) ordinal_ = 1;
    if (s_.residual) {
      if (!sparse) top_.push_back(linear("input", input, last, Act::identity, false));
      for (std::size_t i = 0; i < s_.hidden.size(); ++i) top_.push_back(residual(i, last));
      if (s_.layer_norm) top_.push_back(std::make_unique<LayerNorm<T>>(params_, "output.norm", last));
    } else {
      Index size = input;
      for (std::size_t i = 0; i < s_.hidden.size(); ++i) {
        plain(top_, i, size, sparse && i == 0);
        size = s_.hidden[i];
      }
      if (s_.tied) top_.push_back(linear("projection", size, s_.dim, Act::identity, false, false));
    }
    if (s_.output_dropout > 0) top_.push_back(std::make_unique<ColumnDropout<T>>(last, s_.output_size(), s_.output_dropout));
    if (s_.direct) top_.push_back(std::make_unique<Direct<T>>(last, input));
    if (s_.output == OutputKind::classes && !(sparse && s_.hidden.empty()))
      top_.push_back(linear("output", s_.output_size(), s_.logits(), Act::identity, false));
    if (s_.loss == LossKind::ordinal) top_.push_back(std::make_unique<Ordinal<T>>(params_, s_.n_outputs));
    if (s_.spread_power != 0) top_.push_back(std::make_unique<Spread<T>>(s_.n_outputs, s_.spread_power));
    return std::move(top_);
  }

 private:
  std::unique_ptr<Layer<T>> linear(const std::string& name, Index in, Index out, Act act, bool before_relu, bool bias = true) {
    typename Linear<T>::Shape shape{in, out};
    shape.bias = bias;
    shape.act = act;
    shape.scale = weight_scale(in, out, before_relu);
    // The first one that meets raw numbers; with direct connections the output's meets them too, and dx is formed for the others' sake.
    shape.first = first_ && ordinal_ == 0;
    shape.ordinal = ordinal_++;
    return std::make_unique<Linear<T>>(params_, name, shape, s_.precision);
  }
  static std::string name_of(std::size_t i) { return "hidden" + std::to_string(i); }
  bool relu() const { return s_.activation == Nonlinearity::relu; }
  // Where nothing stands between product and activation, the product's epilogue takes it.
  bool fuses(bool norm_between) const { return !norm_between && s_.activation != Nonlinearity::gelu; }
  void activate(Layers<T>& to, std::size_t i, bool fused) {
    const Index size = s_.hidden[i];
    if (!fused) to.push_back(std::make_unique<Activation<T>>(s_.activation, size));
    if (s_.dropout > 0) to.push_back(std::make_unique<Dropout<T>>(size, s_.dropout, random::kHidden + i));
  }

  void plain(Layers<T>& to, std::size_t i, Index in, bool linear_done) {
    const bool fused = fuses(s_.layer_norm);
    if (!linear_done) to.push_back(linear(name_of(i), in, s_.hidden[i], fused ? flat(s_.activation) : Act::identity, relu()));
    if (s_.layer_norm) to.push_back(std::make_unique<LayerNorm<T>>(params_, name_of(i) + ".norm", s_.hidden[i]));
    activate(to, i, fused);
  }

  std::unique_ptr<Layer<T>> residual(std::size_t i, Index width) {
    const bool fused = fuses(false);
    Layers<T> inner;
    auto up = linear(name_of(i), width, s_.hidden[i], fused ? flat(s_.activation) : Act::identity, relu());
    if (s_.layer_norm) inner.push_back(std::make_unique<LayerNorm<T>>(params_, name_of(i) + ".norm", width));
    inner.push_back(std::move(up));
    activate(inner, i, fused);
    inner.push_back(linear(name_of(i) + ".out", s_.hidden[i], width, Act::identity, false));
    return std::make_unique<Residual<T>>(std::move(inner), width);
  }

  const Spec& s_;
  ParamSet<T>& params_;
  bool first_;
  Index ordinal_ = 0;
  Layers<T> top_;
};

}  // namespace

template <class T>
Layers<T> make_layers(const Spec& spec, ParamSet<T>& params) {
  return Builder<T>(spec, params).build();
}

template Layers<float> make_layers(const Spec&, ParamSet<float>&);
template Layers<double> make_layers(const Spec&, ParamSet<double>&);

}  // namespace pyffnn::net
