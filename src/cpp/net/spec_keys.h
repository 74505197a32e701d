// The keys of a network's spec as Python and model files name them.
#pragma once
#include <initializer_list>
#include <utility>

#include "net/spec.h"

namespace pyffnn::net {

// Names of an enumeration's values.
template <class E>
using Choices = std::initializer_list<std::pair<const char*, E>>;

// Calls f(key, value), or f(key, value, choices), for each key.
template <class F, class S>
void each_key(F& f, S& s) {
  f("input", s.input,
    Choices<InputKind>{{"dense", InputKind::dense},
                       {"sparse", InputKind::sparse},
                       {"bags", InputKind::bags},
                       {"concat", InputKind::concat},
                       {"windows", InputKind::windows}});
  f("n_inputs", s.n_inputs);
  f("rows", s.rows);
  f("dim", s.dim);
  f("pool", s.pools,
    Choices<Pool>{{"mean", Pool::mean},
                  {"sqrtn", Pool::sqrtn},
                  {"sum", Pool::sum},
                  {"max", Pool::max},
                  {"min", Pool::min},
                  {"weighted", Pool::weighted}});
  f("window", s.window);
  f("max_tokens", s.max_tokens);
  f("context", s.context);
  f("distant_kernels", s.distant_kernels);
  f("distant_window", s.distant_window);
  f("ngram_rows", s.ngram_rows);
  f("ngram_words", s.ngram_words);
  f("ngram_heads", s.ngram_heads);
  f("ngram_dim", s.ngram_dim);
  f("hidden", s.hidden);
  f("activation", s.activation,
    Choices<Nonlinearity>{{"relu", Nonlinearity::relu},
                          {"tanh", Nonlinearity::tanh},
                          {"sigmoid", Nonlinearity::sigmoid},
                          {"gelu", Nonlinearity::gelu},
                          {"identity", Nonlinearity::identity}});
  f("residual", s.residual);
  f("layer_norm", s.layer_norm);
  f("direct", s.direct);
  f("tied", s.tied);
  f("n_outputs", s.n_outputs);
  f("output", s.output,
    Choices<OutputKind>{{"classes", OutputKind::classes},
                        {"vocabulary", OutputKind::vocabulary},
                        {"adaptive", OutputKind::adaptive},
                        {"sampled", OutputKind::sampled}});
  f("cutoffs", s.cutoffs);
  f("samples", s.samples);
  f("spread_power", s.spread_power);
  f("loss", s.loss,
    Choices<LossKind>{
        {"softmax", LossKind::softmax}, {"sigmoid", LossKind::sigmoid}, {"squared", LossKind::squared}, {"ordinal", LossKind::ordinal}});
  f("precision", s.precision,
    Choices<Precision>{{"float32", Precision::float32},
                       {"bfloat16x6", Precision::bfloat16x6},
                       {"bfloat16x3", Precision::bfloat16x3},
                       {"bfloat16", Precision::bfloat16},
                       {"auto", Precision::automatic}});
  f("optimizer", s.optimizer,
    Choices<Optim>{{"sgd", Optim::sgd}, {"momentum", Optim::momentum}, {"adagrad", Optim::adagrad}, {"adam", Optim::adam}});
  f("beta1", s.beta1);
  f("beta2", s.beta2);
  f("eps", s.eps);
  f("l2", s.l2);
  f("weight_decay", s.weight_decay);
  f("clip", s.clip);
  f("embedding_optimizer", s.embedding_by_row, Choices<bool>{{"same", false}, {"adagrad_row", true}});
  f("row_rates", s.row_rates);
  f("embedding_lr", s.embedding_lr);
  f("embedding_scale", s.embedding_scale);
  f("freeze_embeddings", s.freeze_embeddings);
  f("frozen_steps", s.frozen_steps);
  f("dropout", s.dropout);
  f("input_dropout", s.input_dropout);
  f("embedding_dropout", s.embedding_dropout);
  f("output_dropout", s.output_dropout);
  f("word_dropout", s.word_dropout);
  f("ngram_dropout", s.ngram_dropout);
  f("seed", s.seed);
}

}  // namespace pyffnn::net
