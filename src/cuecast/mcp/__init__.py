"""`cuecast mcp`: marking, segmenting, checking and measuring as tools for language-model agents.

The Model Context Protocol over stdio or over HTTP on this machine, by its official SDK. The tools call the library
directly and answer with paths, counts, short lists and, only where asked, one small picture.
"""
