// Windows over a stream: the embeddings of the last words, and learned means of those before. The words that the windows of a run look at
// are gathered once (its span), so no matrix of windows exists and distant means are small products.
#pragma once
#include <optional>

#include "net/inputs/direct_ngrams.h"
#include "net/inputs/input.h"

namespace pyffnn::net {

template <class T>
class WindowInput final : public Input<T> {
 public:
  WindowInput(const Spec& spec, ParamSet<T>& params);
  // Tied: the embeddings are the first columns of the output's matrix.
  void tie(Param<T>* table) { table_ = table; }

  SourceKind reads() const override { return SourceKind::stream; }
  Param<T>* table() const override { return table_; }
  bool wants_gradient() const override { return !frozen_ || distant_ != nullptr || ngrams_; }
  void initialise() const override;
  std::unique_ptr<State> make_state() const override;
  void plan(Space<T>& space, const Plan& plan) const override;
  void forward(const Pass<T>& pass) const override;
  void backward(const Pass<T>& pass) const override;
  void update(const Pass<T>& pass, const Sink<T>& sink) const override;
  bool lazy(const Param<T>& p) const override { return ngrams_ && ngrams_->owns(p); }
  void add_lazy_squares(const Space<T>& space, double& sum) const override;
  void lazy_update(const Pass<T>& pass, const Sink<T>& sink) const override;

 protected:
  RowGrads<T> gradients_of(const Pass<T>& pass, int member) const override;
  Index row_width() const override { return dim_; }
  bool in_turn() const override { return false; }

 private:
  struct Own {  // of a member
    Buffer span, d_span, toeplitz;
  };
  struct Spans : State {
    std::vector<Own> of_member;
    Buffer packed, d_toeplitz, d_distant;  // of the whole batch
    typename DirectNgrams<T>::Notes ngrams;
  };
  // What all members know of a batch.
  struct Shape {
    Index longest, before;  // run; rows of spans before the member's own
  };
  Shape shape_of(const Pass<T>& pass) const;
  Index span_length(Index length) const { return reach_ + length - 1; }
  Index packed_size(Index longest) const;
  Spans& spans(const Pass<T>& pass) const { return static_cast<Spans&>(*pass.space.input); }
  Own& own(const Pass<T>& pass) const { return spans(pass).of_member[static_cast<std::size_t>(pass.crew.member())]; }
  void drop_words(const Pass<T>& pass, Index before) const;
  void update_distant(const Pass<T>& pass, const Sink<T>& sink) const;
  const T* build_toeplitz(Own& own, Index longest) const;
  template <class F>
  void each_run(const Pass<T>& pass, F f) const;

  Index context_, kernels_, window_, dim_, reach_, width_, ld_span_;
  std::int32_t missing_;
  double dropout_, word_dropout_;
  bool frozen_;
  Param<T>*table_, *distant_;
  std::optional<DirectNgrams<T>> ngrams_;
};

}  // namespace pyffnn::net
