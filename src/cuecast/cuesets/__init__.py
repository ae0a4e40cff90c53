"""Cue sets in folders and zips: reading, checking, changing them, with their history."""
