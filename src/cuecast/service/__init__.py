"""The HTTP service and the studio: `cuecast serve`. See docs/service.md.

    settings     what a service is started with; frozen, travels to the worker processes
    app          create_app(settings): middleware, routers, and what runs beside them (lifespan)
    routes/      one file a subject, each with `ROUTERS`; thin: a route calls a function of store/ or of a file here
    store/       the database: tables, transactions, one file of functions a table
    files        the data folder: where everything is
    tasks        what takes long: jobs, done in worker processes (workers) by the actions of the library
    preview      what is answered at once, in a process of its own (interactive)
    schemas      the models of the wire; problem: the one shape of errors

Seams, for a new part:

- A route gets its parts by type: `database: DatabasePart`, `settings: SettingsPart`, `files: FilesPart` (see `parts`).
- Rows are read in `with database.reading() as session`, changed in `with database.writing() as session`: one
  transaction each, committed when the block ends. Functions of store/ take the session first and never commit.
- What is refused raises `problem.Problem(code, status, message)`; errors of the library find their status there.
- A router module is one line in `app.ROUTERS`.
- Work of its own beside the requests is started and stopped in `app.lifespan`.
- Blocking work is done in plain `def` routes (they run in threads) or in worker processes, never on the event loop.
"""
