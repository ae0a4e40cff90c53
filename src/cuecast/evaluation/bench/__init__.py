"""Measuring cuecast beside its baselines: the same episodes, the same machine, one run. See docs/benchmarks.md."""
