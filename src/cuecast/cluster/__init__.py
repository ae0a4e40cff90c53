"""Work done by many machines: a function and items in, its results out, whatever ends meanwhile."""
