"""What Terraform makes of two configurations, each planned, applied and planned again once for all tests."""
import functools
import tempfile

from terraform import EVERYTHING, VARIABLES, Workspace

_folders = []


@functools.cache
def workspace(everything):
    folder = tempfile.TemporaryDirectory(prefix="mergemind-infra-")
    _folders.append(folder)
    return Workspace(folder.name, EVERYTHING if everything else VARIABLES).init()


@functools.cache
def plan(everything=False):
    return workspace(everything).plan()


@functools.cache
def state(everything=False):
    plan(everything)
    return workspace(everything).apply()
