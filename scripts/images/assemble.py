"""Assembles the file trees of both images without Docker, from what functions/Dockerfile says.

    scripts/assemble-images [FOLDER]        (default: .local/images)

The stages that end in an image are followed: COPY, ENV, USER, ENTRYPOINT. What other stages build comes from this
machine: the programs of `cargo build`, the dbt environment of scripts/prepare-python, and what scripts/images/collect takes
of the system, as it does in the Dockerfile. Instead of the base image, whose registry is not asked, a tree gets what that
promises: the C library, the C++ one, and certificates. Files are hard links where possible.
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
import sizes  # noqa: E402
import tree  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".local/venv-dbt"
FUNCTIONS = ("gitlab-connector", "dbt-trigger")
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
# What gcr.io/distroless/cc has for programs to link with: one that needs another library would not start there.
BASE_LIBRARIES = re.compile(r"(ld-linux.*|libc|libm|libgcc_s|libstdc\+\+|libpthread|libdl|librt|libutil|libresolv)\.so.*")


class Wrong(Exception):
    """Something that would break the image, too."""


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".local/images"
    try:
        for name in FUNCTIONS:
            place = assemble(name, folder / name)
            parts = sizes.measure(place)
            (folder / f"{name}-sizes.json").write_text(json.dumps(parts))
            print(sizes.report(place, parts))
    except Wrong as wrong:
        sys.exit(f"error: {wrong}")


def assemble(name, place):
    check_context(dockerfile.RECIPE)
    image = dockerfile.image(name)
    shutil.rmtree(place, ignore_errors=True)
    for directory in ("tmp", "dev/shm", "proc", "etc/ssl/certs", "usr/local/bin"):
        (place / directory).mkdir(parents=True)
    for device in tree.DEVICES:
        (place / "dev" / device).touch()
    (place / "etc/passwd").write_text("root:x:0:0::/:\nnonroot:x:65532:65532::/tmp:\n")
    certificates = next((path for path in CERTIFICATES if Path(path).is_file()), None)
    if certificates:
        shutil.copy(certificates, place / "etc/ssl/certs/ca-certificates.crt")
    for stage, source, target in image.copies:
        copy(name, stage, source, place, place / target.lstrip("/"))
    check(name, place, image)
    # For whoever starts it.
    (place.parent / f"{name}.json").write_text(json.dumps(vars(image)))
    return place


def check_context(recipe):
    """What the Dockerfile copies from the repository is there, and .dockerignore lets it through."""
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
    if stage == "programs" and source == f"/src/target/image/{name}":
        add_program(programs() / name, target)
    elif (stage, source) == ("packages", "/runtime"):
        collect(place)
    elif (stage, source) == ("packages", "/opt/dbt"):
        add_environment(target)
    elif (stage, source) == ("parsed", "/opt/models"):
        ignored = shutil.ignore_patterns("target", "logs", "dbt_packages", "__pycache__", ".user.yml")
        shutil.copytree(ROOT / "models", target, ignore=ignored)
    elif (stage, source) == ("parsed", "/opt/reporting"):
        shutil.copytree(ROOT / "scripts/reporting", target, ignore=shutil.ignore_patterns("__pycache__"))
    elif (stage, source) == ("parsed", "/opt/parsed"):
        parse(place, target)
    else:
        raise Wrong(f"the image of {name} has {source} of the stage {stage}: scripts/images/assemble.py can't make it")


def programs():
    done = subprocess.run([ROOT / "scripts/build", "--where"], check=True, text=True, stdout=subprocess.PIPE)
    return Path(done.stdout.strip())


def add_program(program, target):
    """Without what is for a debugger, as Cargo's profile `image` has it."""
    link(program, target)
    strip = shutil.which("strip")
    if strip:
        target.unlink()
        subprocess.run([strip, "-o", target, program], check=True)


def collect(place):
    said = subprocess.run([VENV / "bin/python", "-c", "import sys; print(sys.base_prefix)"], check=True, text=True, stdout=subprocess.PIPE)
    done = subprocess.run(
        ["sh", ROOT / "scripts/images/collect", said.stdout.strip(), VENV.resolve() / "lib", place],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise Wrong(f"scripts/images/collect failed:\n{done.stdout}")


def add_environment(target):
    version = next((VENV / "lib").glob("python3.*")).name
    # What a venv without pip never has.
    ignore = shutil.ignore_patterns("pip", "pip-*", "setuptools", "setuptools-*", "pkg_resources", "_distutils_hack", "distutils-precedence.pth")
    packages = VENV / f"lib/{version}/site-packages"
    shutil.copytree(packages, target / f"lib/{version}/site-packages", copy_function=link, ignore=ignore)
    (target / "bin").mkdir()
    (target / "bin/python").symlink_to("/usr/local/bin/python")
    (target / "pyvenv.cfg").write_text("home = /usr/local/bin\ninclude-system-site-packages = false\n")


def parse(place, target):
    """As the Dockerfile does: dbt, in the tree, from nothing but the tree."""
    add_libraries(place)
    target.mkdir(parents=True)
    environment = dockerfile.arguments() | {"DBT_THREADS": "16", "HOME": "/tmp"}
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
    """The base image's libraries. There is no cache of them: what is not where the loader looks by itself is not found."""
    files = [path for part in ("usr", "opt") for path in (place / part).rglob("*") if path.is_file() and not path.is_symlink() and is_elf(path)]
    said = subprocess.run(["ldd", *files], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    for library in {Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", said, re.M)}:
        target = place / str(library).lstrip("/")
        if BASE_LIBRARIES.fullmatch(library.name) and not library.is_relative_to(place) and not target.exists():
            link(library.resolve(), target)


def is_elf(path):
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def check(name, place, image):
    program = place / image.entrypoint[0].lstrip("/")
    if not program.is_file():
        raise Wrong(f"{name} starts {image.entrypoint[0]}, which its image does not have")
    said = subprocess.run(["ldd", program], text=True, stdout=subprocess.PIPE).stdout
    for library in re.findall(r"^\s+(?:/\S*/)?([\w.+-]+\.so\S*)", said, re.M):
        if not BASE_LIBRARIES.fullmatch(library) and library != "linux-vdso.so.1":
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
