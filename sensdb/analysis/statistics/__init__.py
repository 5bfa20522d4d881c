"""Statistics over columns of numbers; no database, no command line, each with its formula and source."""
