"""What Terraform makes of two configurations, each planned, applied and planned again once for all tests."""
import functools
import json
import sys
import tempfile

from terraform import EVERYTHING, STAND_IN, VARIABLES, Workspace

sys.path.insert(0, str(STAND_IN))
from values import filled, holes  # noqa: E402

_folders = []


@functools.cache
def workspace(everything):
    folder = tempfile.TemporaryDirectory(prefix="mergemind-infra-")
    _folders.append(folder)
    return Workspace(folder.name, EVERYTHING if everything else VARIABLES).init()


def plan(everything=False):
    return _plan(everything)


def state(everything=False):
    return _state(everything)


@functools.cache
def _plan(everything):
    return workspace(everything).plan()


@functools.cache
def _state(everything):
    _plan(everything)
    return workspace(everything).apply()


def existing(kind, **given):
    """A resource that somebody made by hand, as the stand-in keeps it."""
    schema = json.loads((STAND_IN / "schema.json").read_text())["resources"][kind]
    blank = {name: None for name in schema["attributes"]} | {
        name: None if block["nesting"] == "single" else [] for name, block in schema["blocks"].items()
    }
    values = filled(schema, holes(schema, blank | given), given["project"])
    return {f"{kind}|{values['id']}": {"made": 0, "values": values}}
