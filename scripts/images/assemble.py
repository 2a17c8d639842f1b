"""Assembles the file trees of both images without Docker, from what their Dockerfiles say.

    scripts/assemble-images [FOLDER]        (default: .local/images)

The last stage of each Dockerfile is followed: base, COPY, ENV, USER, ENTRYPOINT. What other stages build comes
from this machine: the programs of `cargo build`, the dbt environment of scripts/prepare-python. Instead of the base
images, whose registries are not asked, a tree gets what those promise: the C library and certificates, and for
dbt-trigger the Python that the environment was made with. Files are hard links where possible.
"""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import dockerfile  # noqa: E402
import tree  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".local/venv-dbt"
FUNCTIONS = ("gitlab-connector", "dbt-trigger")
# What gcr.io/distroless/cc promises: a program that needs another library would not start there.
DISTROLESS_LIBRARIES = re.compile(r"(ld-linux.*|libc|libm|libgcc_s|libstdc\+\+|libpthread|libdl|librt)\.so.*")
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
# The base images have all of the C library and the compiler's own; wheels rely on it.
BASE_LIBRARIES = (
    "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libresolv.so.2",
    "libgcc_s.so.1", "libstdc++.so.6",
)
NOT_IN_PYTHON = {"site-packages", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3"}


class Wrong(Exception):
    """Something that would break the image, too."""


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".local/images"
    try:
        for name in FUNCTIONS:
            place = assemble(name, folder / name)
            size = subprocess.run(["du", "-sm", place], text=True, stdout=subprocess.PIPE).stdout.split()[0]
            print(f"{place}: {size} MB")
    except Wrong as wrong:
        sys.exit(f"error: {wrong}")


def assemble(name, place):
    recipe = ROOT / f"functions/{name}/Dockerfile"
    check_context(recipe)
    image = dockerfile.last_stage(recipe)
    shutil.rmtree(place, ignore_errors=True)
    for directory in ("tmp", "dev/shm", "proc", "etc/ssl/certs", "usr/local/bin"):
        (place / directory).mkdir(parents=True)
    for device in tree.DEVICES:
        (place / "dev" / device).touch()
    (place / "etc/passwd").write_text("root:x:0:0::/:\nnonroot:x:65532:65532::/tmp:\n")
    certificates = next((path for path in CERTIFICATES if Path(path).is_file()), None)
    if certificates:
        shutil.copy(certificates, place / "etc/ssl/certs/ca-certificates.crt")
    if image.base.startswith("python:"):
        add_python(place)
    for stage, source, target in image.copies:
        copy(name, stage, source, place, place / target.lstrip("/"))
    check(name, place, image)
    # For whoever starts it.
    (place.parent / f"{name}.json").write_text(json.dumps(vars(image)))
    return place


def check_context(recipe):
    """What a Dockerfile copies from the repository is there, and .dockerignore lets it through."""
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    members = re.findall(r'^    "(.+)",$', (ROOT / "Cargo.toml").read_text(), re.M)
    for path in [*dockerfile.context_needs(recipe), *members, "Cargo.toml", "Cargo.lock"]:
        if path == ".":
            continue
        if not (ROOT / path).exists():
            raise Wrong(f"{recipe} copies {path}, which the repository does not have")
        if not any(path == k or path.startswith(k + "/") for k in kept):
            raise Wrong(f".dockerignore keeps {path} out, which {recipe} copies")


def copy(name, stage, source, place, target):
    if stage == "build" and source == f"/src/target/image/{name}":
        link(programs() / name, target)
    elif (stage, source) == ("dbt", "/opt/dbt"):
        add_environment(target)
    elif (stage, source) == ("dbt", "/opt/models"):
        ignored = shutil.ignore_patterns("target", "logs", "dbt_packages", "__pycache__", ".user.yml")
        shutil.copytree(ROOT / "models", target, ignore=ignored)
    elif (stage, source) == ("dbt", "/opt/parsed"):
        parse(place, target)
    else:
        raise Wrong(f"the Dockerfile of {name} copies {source} from stage {stage}: scripts/images/assemble.py can't make it")


def programs():
    done = subprocess.run([ROOT / "scripts/build", "--where"], check=True, text=True, stdout=subprocess.PIPE)
    return Path(done.stdout.strip())


def add_python(place):
    """The interpreter that the environment was made with, where the base image has its own."""
    said = subprocess.run(
        [VENV / "bin/python", "-c", "import sys; print(sys.base_prefix, '%d.%d' % sys.version_info[:2])"],
        check=True, text=True, stdout=subprocess.PIPE,
    ).stdout.split()
    prefix, version = Path(said[0]), said[1]
    bin_, lib = place / "usr/local/bin", place / "usr/local/lib"
    link(prefix / f"bin/python{version}", bin_ / f"python{version}")
    for alias in ("python3", "python"):
        (bin_ / alias).symlink_to(f"python{version}")
    ignore = lambda _folder, names: [n for n in names if n in NOT_IN_PYTHON or n.startswith("config-")]  # noqa: E731
    shutil.copytree(prefix / f"lib/python{version}", lib / f"python{version}", copy_function=link, ignore=ignore, symlinks=True)
    for shared in (prefix / "lib").glob(f"libpython{version}.so*"):
        link(shared, lib / shared.name)


def add_environment(target):
    version = next((VENV / "lib").glob("python3.*")).name
    ignore = shutil.ignore_patterns("pip", "pip-*", "setuptools", "setuptools-*")
    packages = VENV / f"lib/{version}/site-packages"
    shutil.copytree(packages, target / f"lib/{version}/site-packages", copy_function=link, ignore=ignore)
    (target / "bin").mkdir()
    (target / "bin/python").symlink_to("/usr/local/bin/python")
    (target / "pyvenv.cfg").write_text("home = /usr/local/bin\ninclude-system-site-packages = false\n")


def parse(place, target):
    """As the Dockerfile does: dbt, in the tree, from nothing but the tree."""
    add_libraries(place)
    target.mkdir(parents=True)
    environment = dockerfile.arguments(ROOT / "functions/dbt-trigger/Dockerfile") | {"DBT_THREADS": "16", "HOME": "/tmp"}
    program = ["/opt/dbt/bin/python", "-c", "from dbt.cli.main import cli; cli()", "parse", "--project-dir", "/opt/models", "--profiles-dir", "/opt/models"]
    program += ["--target-path", "/opt/parsed", "--log-level-file", "none"]
    run = tree.command(place, program, environment, user="0:0", writable=True)
    done = subprocess.run(run, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    made = target / "partial_parse.msgpack"
    if done.returncode or not made.is_file():
        raise Wrong(f"dbt parse failed in the image's tree:\n{done.stdout}")
    for other in target.iterdir():
        if other != made:
            other.unlink()


def add_libraries(place):
    """Every shared library that the programs and Python's own modules ask for. Wheels bring theirs."""
    usr = place / "usr/local"
    files = [path for path in usr.rglob("*") if path.is_file() and not path.is_symlink() and is_elf(path)]
    said = subprocess.run(["ldd", *files], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    needed = {Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", said, re.M)}
    folders = {"/usr/local/lib"}
    for library in needed | {path for path in map(find_library, BASE_LIBRARIES) if path}:
        target = place / str(library).lstrip("/")
        if library.is_relative_to(place) or (usr / "lib" / library.name).exists():
            continue
        folders.add(str(library.parent))
        if not target.exists():
            link(library.resolve(), target)
    # The base images have this cache, which leads to /usr/local/lib.
    (place / "etc/ld.so.conf").write_text("".join(f"{folder}\n" for folder in sorted(folders)))
    subprocess.run([tree.find("ldconfig"), "-r", place], check=True, stderr=subprocess.DEVNULL)


def find_library(name):
    said = subprocess.run([tree.find("ldconfig"), "-p"], text=True, stdout=subprocess.PIPE).stdout
    found = re.search(rf"^\s+{re.escape(name)} .* => (\S+)$", said, re.M)
    return Path(found[1]) if found else None


def is_elf(path):
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def check(name, place, image):
    program = place / image.entrypoint[0].lstrip("/")
    if not program.is_file():
        raise Wrong(f"{name} starts {image.entrypoint[0]}, which its image does not have")
    if image.base.startswith("gcr.io/distroless/cc"):
        said = subprocess.run(["ldd", program], text=True, stdout=subprocess.PIPE).stdout
        for library in re.findall(r"^\s+(?:/\S*/)?([\w.+-]+\.so\S*)", said, re.M):
            if not DISTROLESS_LIBRARIES.fullmatch(library) and library != "linux-vdso.so.1":
                raise Wrong(f"{name} needs {library}, which its base image does not have")
    add_libraries(place)
    for path in place.rglob("*"):
        if not path.is_symlink() and not path.stat().st_mode & 0o004:
            raise Wrong(f"{path} can be read by its owner only: the image's user could not")


def link(source, target):
    """A hard link, or a copy on another file system."""
    source, target = Path(source), Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copy2(source, target)


if __name__ == "__main__":
    main()
