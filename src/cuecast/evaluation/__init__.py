"""How good answers are: episodes, metrics over them, clicks, baselines and the bench that compares."""
