"""A concept carried along frames that follow each other: position, memory and verdict from one to the next."""
