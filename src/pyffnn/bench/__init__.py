"""`pyffnn bench`: this machine's kernels against the peers installed on it, and against the machine's own limits.

Every comparison runs in one process, on the same data and number of threads. The contenders of a case are called in turn, round after
round; a ratio is the median of the rounds' ratios, so that a busy neighbour or a change of clock hits both sides. Each figure also
stands as a share of what this machine was measured to reach in the same run: multiply-adds on registers, and bytes from memory.
"""
