"""How tripack is reached from outside: the command line and the spaCy component."""
