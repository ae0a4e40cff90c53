"""Help with the examples: what the cues of a concept say of each other."""
