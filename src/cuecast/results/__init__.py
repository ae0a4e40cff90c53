"""The results folder: manifest, tables, label files and the report."""
