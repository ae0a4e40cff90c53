"""The routes, one file a subject, each with `ROUTERS`. They check what comes in, and call store/ or the files above."""
