"""Keeps dbt to the files of a fetched project, whatever the project's settings, packages and macros ask for.

Python asks an audit hook (PEP 578) before a file is opened, changed or listed and before a program is started, whoever does it:
dbt's parser, its macros' `adapter.upload_file`, a package's link, an archive's `../..`. The hook can't be taken away, and forked
children have it. Which folders there are is told by the function, in `MERGEMIND_DBT_FILES`; without it nothing is kept from dbt.

What a C library opens by itself (certificates, libraries) and whether a file is there (`stat`) is not asked.
This text stands between path.py's and shortcuts.py's in one program.
"""

import errno
import json
import os
import shutil
import sys

FILES = "MERGEMIND_DBT_FILES"

# What Python and libraries read of a system: programs, libraries, certificates, time zones, what kind of machine it is.
SYSTEM_FOLDERS = [
    *["/bin", "/lib", "/lib64", "/sbin", "/usr", "/System", "/Library"],
    *["/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/sys/class/dmi", "/sys/devices", "/sys/fs/cgroup"],
]
SYSTEM_FILES = [
    *["/dev/null", "/dev/urandom", "/dev/random", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version"],
    *[f"/etc/{name}" for name in ["localtime", "timezone", "mime.types", "os-release", "lsb-release", "hosts", "resolv.conf"]],
]
# Of /proc/self; not `environ`, `mem`, `root` or `cwd`.
OWN_PROCESS = {"status", "stat", "statm", "cgroup", "task"}
# Who reads credentials, which nothing in a project names but the path of a key in its profile.
CREDENTIALS = ("google.auth.", "google.oauth2.")
# What dbt starts, and who else may start a program: none of them takes its name from a project.
PROGRAMS = {"git"}
STARTERS = ("ctypes.util", "platform", "uuid", *CREDENTIALS)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Which arguments of an event name what is changed; a link that stands last in such a path is not followed.
CHANGES = {
    "os.link": (0, 1),
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.symlink": (1,),
    "shutil.rmtree": (0,),
}
# The same where it is followed.
CHANGES_FOLLOWED = {"os.chmod": (0,), "os.chown": (0,), "os.setxattr": (0,), "os.truncate": (0,), "os.utime": (0,)}
LISTS = {"os.listdir": 0, "os.scandir": 0, "shutil.copytree": 0, "shutil.copyfile": 0}
# Where an event tells that a path is relative to an open folder: only shutil does that, below a folder that was asked for.
RELATIVE_TO = {"os.chmod": (2,), "os.chown": (3,), "os.link": (2, 3), "os.mkdir": (2,), "os.remove": (1,), "os.rename": (2, 3)}
RELATIVE_TO |= {"os.rmdir": (1,), "os.symlink": (2,), "os.utime": (3,), "shutil.rmtree": (1,)}


class Confinement:
    def __init__(self, told):
        # What belongs to the project: read and written.
        self.own = folders(told["own"])
        python = [sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path, os.path.dirname(os.__file__)]
        self.readable = folders([*told["read"], *python, *SYSTEM_FOLDERS])
        self.files = {os.path.realpath(path) for path in SYSTEM_FILES} | set(SYSTEM_FILES)
        # Modules are opened by the thousand, and no project has a link there.
        self.modules = tuple(os.path.abspath(path) + os.sep for path in sys.path if path)

    def hook(self, event, args):
        if event == "open":
            path, _, flags = args
            self.opens(path, bool(flags and flags & WRITES))
        elif event in LISTS:
            self.reads(args[LISTS[event]] or ".")
        elif event in CHANGES:
            self.changes(event, args, CHANGES[event], parent_only=True)
        elif event in CHANGES_FOLLOWED:
            self.changes(event, args, CHANGES_FOLLOWED[event], parent_only=False)
        elif event == "subprocess.Popen":
            self.starts(args[0] or args[1][0])
        elif event == "os.exec" and args[0] != sys.executable or event == "os.system":
            refuse("start", args[0])

    def opens(self, path, writes):
        if writes:
            self.writes(path, parent_only=False)
        elif not (isinstance(path, str) and (path.startswith(self.modules) and ".." not in path or is_removed(path))):
            self.reads(path)

    def reads(self, path):
        if isinstance(path, int):
            return
        real = os.path.realpath(os.fsdecode(path))
        if within(real, self.own) or within(real, self.readable) or real in self.files or is_of_this_process(real):
            return
        if not caller().startswith(CREDENTIALS):
            refuse("read", path)

    def writes(self, path, parent_only):
        if isinstance(path, int):
            return
        path = os.fsdecode(path)
        if parent_only:
            folder, name = os.path.split(path.rstrip(os.sep))
            real = os.path.join(os.path.realpath(folder or "."), name)
        else:
            real = os.path.realpath(path)
        if not within(real, self.own) and real != "/dev/null":
            refuse("write", path)

    def changes(self, event, args, places, parent_only):
        relative = RELATIVE_TO.get(event, ())
        for number, place in enumerate(places):
            if number < len(relative) and relative[number] < len(args) and args[relative[number]] not in (-1, None):
                continue
            self.writes(args[place], parent_only)

    def starts(self, program):
        program = os.fsdecode(program)
        if os.path.basename(program) not in PROGRAMS and not caller().startswith(STARTERS):
            refuse("start", program)


def folders(paths):
    return tuple({os.path.realpath(path) for path in paths if path})


def within(path, folders):
    return any(path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)


def is_of_this_process(path):
    own = f"/proc/{os.getpid()}/"
    return path.startswith(own) and path.removeprefix(own) in OWN_PROCESS


def is_removed(name):
    """Whether it is `shutil.rmtree` that opens a folder by name below another one, of which it was asked before; the event does not tell."""
    if os.sep in name:
        return False
    code = sys._getframe(3).f_code
    return code.co_name.startswith("_rmtree_safe_fd") and code.co_filename == shutil.copytree.__code__.co_filename


def caller():
    """The module that asks, past Python's own that only pass on."""
    frame = sys._getframe(1)
    while frame:
        name = frame.f_globals.get("__name__", "")
        if frame.f_globals is not globals() and name not in ("subprocess", "os", "io", "pathlib", "codecs"):
            return name + "."
        frame = frame.f_back
    return ""


def refuse(what, path):
    path = os.fsdecode(path)
    problem = f"a fetched project may not have dbt {what} what is outside of its folder"
    # dbt passes over folders that it can't list.
    print(f"{problem}: {path!r}", file=sys.stderr, flush=True)
    raise PermissionError(errno.EACCES, problem, path)


def keep_to_its_files():
    told = os.environ.get(FILES)
    if told:
        sys.addaudithook(Confinement(json.loads(told)).hook)
