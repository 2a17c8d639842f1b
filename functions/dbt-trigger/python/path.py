"""The beginning of the worker's program: what follows may import."""

import sys

# With `-c` the current directory is on the path: a file there must not pass for a module.
sys.path[:] = [entry for entry in sys.path if entry]
