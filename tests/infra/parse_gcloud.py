"""Has the real gcloud parse commands, all in one process: JSON of a list of commands in, whether it knows each out.

    python parse_gcloud.py SDK_FOLDER <commands

gcloud parses before it asks for an account, and ends with 2 only for a command or flag that it does not know.
"""
import contextlib
import io
import json
import sys
from pathlib import Path

library = Path(sys.argv[1]) / "lib"
sys.path[:0] = [str(library), str(library / "third_party")]

from googlecloudsdk import gcloud_main  # noqa: E402


def known(cli, words):
    """Whether gcloud gets past its parser."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        try:
            cli.Execute(words, call_arg_complete=False)
        except SystemExit as end:
            return end.code != 2
        except Exception:  # noqa: BLE001 - it got past the parser
            return True
    return True


def main():
    commands = json.load(sys.stdin)
    # gcloud keeps the stream that it found at its start.
    with contextlib.redirect_stderr(io.StringIO()):
        cli = gcloud_main.CreateCLI([])
        found = [known(cli, words[1:]) for words in commands]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
