"""Packs on the shelf: written to files and read from them, signed, listed, described."""
