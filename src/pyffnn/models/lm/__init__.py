"""Parts of the neural language model: its network, batches, training run, checkpoints and decoding."""
