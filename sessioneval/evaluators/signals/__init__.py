"""Built-in code evaluators: exact, free signals of a session, one module for each kind."""
