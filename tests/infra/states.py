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
