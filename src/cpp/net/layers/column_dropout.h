// Dropout of whole columns (Graham et al. 2015): the examples of a block share one mask, so that products over them need the kept columns
// alone.
#pragma once
#include "net/layers/layer.h"

namespace pyffnn::net {

// Which columns each block of kBlock examples keeps: index[first[b]] .. index[first[b + 1]), rising.
struct KeptColumns {
  static constexpr Index kBlock = 128;
  std::vector<std::int32_t> index;
  std::vector<Index> first;

  Index count(Index block) const { return first[static_cast<std::size_t>(block) + 1] - first[static_cast<std::size_t>(block)]; }
  const std::int32_t* of(Index block) const { return index.data() + first[static_cast<std::size_t>(block)]; }
};

// columns: of what the output reads; those behind the layer's own are always kept.
template <class T>
class ColumnDropout final : public Layer<T> {
 public:
  ColumnDropout(Index size, Index columns, double rate) : size_(size), columns_(columns), rate_(rate) {}
  Index width() const override { return size_; }
  bool active(bool noise) const override { return noise && rate_ > 0; }
  std::unique_ptr<LayerState<T>> make_state() const override { return std::make_unique<Masks>(); }
  void plan(LayerState<T>& s, const Plan& plan) const override;
  void forward(const Pass<T>& pass, LayerState<T>& s) const override;
  void backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const override;
  // Of the pass's batch, after forward().
  const KeptColumns& kept(const Pass<T>& pass, const LayerState<T>& s) const;

 private:
  struct Mask {
    std::vector<T> factors;  // a row a block: 0 or 1 / (1 - rate)
    KeptColumns kept;
  };
  // Each member draws all masks for itself, the same ones: that costs less than to meet.
  struct Masks : LayerState<T> {
    std::vector<Mask> of_member;
  };
  void apply(const Pass<T>& pass, const Mask& mask, View<T> from, View<T> to) const;

  Index size_, columns_;
  double rate_;
};

}  // namespace pyffnn::net
