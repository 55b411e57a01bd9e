"""One module a command: parse, call the Python API, print."""
