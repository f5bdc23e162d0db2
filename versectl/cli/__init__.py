"""The command line: how options are read, which of them are shared, and exit codes."""
