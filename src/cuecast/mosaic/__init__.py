"""Images larger than memory: a grid of tiles, blended, and objects that cross the tiles' borders counted once."""
