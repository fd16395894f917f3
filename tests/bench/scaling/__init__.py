"""What grows with the size of a configuration: `tests/bench/scale` and `tests/bench/startup` are put together from this."""
