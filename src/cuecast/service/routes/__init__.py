"""The routes, one file a subject, each with a `router`. They check what comes in, and call store/ or compute/."""
