"""The database: `models` (tables), `database` (transactions), and one file of functions a table.

Functions take the session first, never commit, and raise `problem.Problem` with 404 for what is not there. `wire`
turns rows into the models of `schemas`.
"""
