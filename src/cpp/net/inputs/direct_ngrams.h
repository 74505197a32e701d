// Rows for the last words of a window as one thing: n-grams of 2 to `ngram_words` words, hashed into a table with several heads, behind a
// learned gate. With w_1 the word before the target, w_2 the one before that, all modulo 2^64:
//
//   h_0 = 0,  h_n = mix64(h_{n-1} + (w_n + 1) kGolden)
//   row(n, head) = ((n - 2) heads + head) buckets + mix64(h_n + head kGolden) mod buckets
//   z_n = the rows of all heads, end to end;   y_n = sigmoid(a_n . z_n + c_n) z_n;   x = [y_2, ..., y_N]
//
// An n-gram with a missing or dropped word is zero, as is one that n-gram dropout takes away whole; kept ones are scaled. A batch
// touches few rows, and those alone step.
#pragma once
#include "net/layers/layer.h"

namespace pyffnn::net {

template <class T>
class DirectNgrams {
 public:
  // What is kept of a batch from forward to update.
  struct Notes {
    struct Own {  // of a member
      std::vector<std::int32_t> rows;
      std::vector<T> scale;
      Buffer d_rows;
    };
    std::vector<Own> of_member;
    Buffer z, gate, slope, d_gate;  // of the whole batch
    ops::RowStepper<T> stepper;
    std::vector<RowGrads<T>> segments;
    int parts = 1;
  };

  DirectNgrams(const Spec& spec, ParamSet<T>& params);
  Index width() const { return orders_ * order_width(); }
  bool owns(const Param<T>& p) const { return &p == table_; }

  void plan(Notes& notes, const Plan& plan) const;
  // Before the runs of a pass: room for the member's examples.
  void begin(const Pass<T>& pass, Notes& notes) const;
  // Example `row` of the member, `words` behind its last word: what it gives into x.
  void forward(const Pass<T>& pass, Notes& notes, Index row, const std::int32_t* words, std::int32_t missing, T* x) const;
  // From the gradient of x.
  void backward(const Pass<T>& pass, Notes& notes, Index row, const T* dx) const;
  // The steps: of the gate, and of the rows or, where gradients are stored, their sums alone.
  void update(const Pass<T>& pass, Notes& notes, const Sink<T>& sink) const;
  void add_squares(const Notes& notes, double& sum) const;
  void step_sums(const Pass<T>& pass, Notes& notes, const Sink<T>& sink) const;

 private:
  Index order_width() const { return heads_ * dim_; }
  Index slots() const { return orders_ * heads_; }
  ops::RowTable<T> view() const { return {table_->w(), table_->s1(), table_->s2(), table_->ld, table_->cols, table_->by_row}; }

  Index buckets_, orders_, heads_, dim_;
  double dropout_;
  Param<T>*table_, *gate_;  // [slots * buckets, dim]; [orders, heads * dim + 1], the last column c
};

}  // namespace pyffnn::net
