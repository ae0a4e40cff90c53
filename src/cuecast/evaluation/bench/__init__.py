"""Measuring cuecast beside its peers: the same episodes, the same machine, one run. See docs/benchmarks.md."""
