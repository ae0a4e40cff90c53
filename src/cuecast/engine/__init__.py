"""From cues and an image to scores: encoder, matcher, forest, refiner, thresholds and verdicts."""
