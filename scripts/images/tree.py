"""Starts a program from an assembled file tree, locked in as on Cloud Run: it sees the tree alone, can write nothing but
a small /tmp in memory, and is an ordinary user without a way back.

What does it: a mount namespace (unshare), a read-only bind mount of the tree, chroot, a change of user, and
no_new_privs. Started by root, the program runs as the image's user. Started by anybody else, a user namespace
makes the mounts possible, and the program runs as that person's own unprivileged user.
"""
import os
import shutil
import subprocess
import sys

DEVICES = ("null", "zero", "full", "random", "urandom")

# Arguments: tree, size of /tmp, "ro" or "rw", then the command. Each step replaces the shell's process, so that a
# signal reaches the program itself.
LOCK_IN = r"""
set -eu
tree=$1 size=$2 mode=$3; shift 3
mount --bind "$tree" "$tree"
mount -t tmpfs -o "size=$size,mode=1777,nosuid,nodev" tmpfs "$tree/tmp"
for device in %s; do mount --bind "/dev/$device" "$tree/dev/$device"; done
mount -t tmpfs -o size=64m,mode=1777,nosuid,nodev tmpfs "$tree/dev/shm"
mount -t proc proc "$tree/proc" 2>/dev/null || mount --rbind /proc "$tree/proc"
[ "$mode" = rw ] || mount -o "remount,bind,ro" "$tree"
exec "$@"
""" % " ".join(DEVICES)


def problem():
    """Why this machine can't lock a program in; None if it can."""
    if not sys.platform.startswith("linux"):
        return "this needs Linux's namespaces"
    missing = [tool for tool in ("unshare", "chroot", "setpriv", "mount") if not find(tool)]
    if missing:
        return f"{', '.join(missing)} not found (package util-linux)"
    done = subprocess.run([*unshare(), "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True)
    if done.returncode:
        return f"this machine does not let us mount, even in a namespace: {done.stderr.strip()}"
    return None


def command(tree, program, environment, *, user="65532:65532", size="256m", writable=False):
    """The command line that starts `program` (a list) in `tree` with exactly `environment`."""
    inside = [find("env"), "-i", *(f"{name}={value}" for name, value in environment.items())]
    inside += [find("setpriv"), "--no-new-privs", find("chroot")]
    if os.geteuid() == 0:
        inside += [f"--userspec={user}", f"--groups={user.split(':')[1]}"]
    inside += [str(tree), *program]
    mode = "rw" if writable else "ro"
    return [*unshare(), "sh", "-c", LOCK_IN, "lock-in", str(tree), size, mode, *inside]


def unshare():
    rootless = [] if os.geteuid() == 0 else ["--map-root-user"]
    return [find("unshare"), *rootless, "--mount", "--propagation", "private"]


def find(tool):
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
