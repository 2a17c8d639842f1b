"""Has the real bq parse commands, which it loads once for all: JSON of a list of commands in, what it says of each out.

    python parse_bq.py SDK_FOLDER <commands

bq keeps what a command's flags said, so each runs in a fork.
"""
import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(sys.argv[1]) / "platform/bq"))

import bq  # noqa: E402

# Nobody answers there.
NOBODY = ["--oauth_access_token=x", "--api=http://127.0.0.1:9", "--headless"]


def started(words):
    """A process that runs a command, and the file of what it says."""
    output = tempfile.TemporaryFile()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
        # Not the name of its module.
        sys.argv = ["bq.py", *NOBODY, *words[1:]]
        try:
            bq.run_main()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
    return child, output


def main():
    # All at once: a command that is fine tries for some seconds to reach somebody.
    running = [started(words) for words in json.load(sys.stdin)]
    said = []
    for child, output in running:
        os.waitpid(child, 0)
        output.seek(0)
        said.append(output.read().decode())
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
