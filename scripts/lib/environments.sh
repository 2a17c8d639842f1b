# Python environments of this repository. Source it, then call `ensure_environment dbt` or `ensure_environment emulator`;
# the interpreter is then $ROOT/.local/venv-<name>/bin/python. Needs ROOT, the repository's absolute path.
#
# The fast path costs one hash: nothing is done when the stamp in the environment equals the lock file and interpreter.

say() { printf '%s\n' "$*" >&2; }

fail() { say "error: $1"; [ -z "${2:-}" ] || say "  hint: $2"; exit 1; }

# Prints what an up-to-date environment's stamp must hold.
environment_stamp() {
    local sum
    sum=$( (sha256sum "$1" 2>/dev/null || shasum -a 256 "$1") | cut -d' ' -f1)
    printf '%s %s\n' "$sum" "$ROOT"
}

# Finds a Python of at least 3.11 and sets BASE_PYTHON. PYTHON overrides the search.
find_base_python() {
    [ -z "${BASE_PYTHON:-}" ] || return 0
    local candidate seen=""
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        if "$candidate" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; then
            BASE_PYTHON=$candidate
            break
        fi
        seen="$seen $candidate ($("$candidate" --version 2>&1))"
    done
    [ -n "${BASE_PYTHON:-}" ] || fail "Python 3.11 or newer is needed${seen:+; found only$seen}" \
        "install it, or name one: PYTHON=/path/to/python3 $0"
    "$BASE_PYTHON" -c 'import ensurepip, venv' 2>/dev/null || fail "$BASE_PYTHON lacks the venv module" \
        "on Debian and Ubuntu: sudo apt install python3-venv"
}

# Makes .local/venv-<name> equal to scripts/requirements/<name>.lock. Two callers at once are safe: the second waits, then finds it done.
ensure_environment() {
    local name=$1
    local lock="$ROOT/scripts/requirements/$name.lock" venv="$ROOT/.local/venv-$name"
    local stamp
    stamp=$(environment_stamp "$lock")
    [ "$(cat "$venv/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
    mkdir -p "$ROOT/.local"
    (
        # Without flock (macOS) two simultaneous first runs are the caller's to avoid.
        ! command -v flock >/dev/null 2>&1 || flock 9
        [ "$(cat "$venv/.stamp" 2>/dev/null)" != "$stamp" ] || exit 0
        build_environment "$name" "$lock" "$venv"
        printf '%s\n' "$stamp" >"$venv/.stamp"
    ) 9>"$ROOT/.local/venv-$name.lock"
}

build_environment() {
    local name=$1 lock=$2 venv=$3 started=$SECONDS
    find_base_python
    if [ "$name" != uv ]; then (ensure_environment uv) || say "  uv could not be installed; pip does its work, more slowly"; fi
    say "preparing the $name environment ($(grep -c == "$lock") packages)"
    rm -rf "$venv"
    "$BASE_PYTHON" -m venv "$venv" || fail "$BASE_PYTHON could not make $venv"
    if [ "$name" != uv ] && [ -x "$ROOT/.local/venv-uv/bin/uv" ] && install_with_uv "$lock" "$venv"; then :
    else install_with_pip "$lock" "$venv"
    fi
    say "  $name environment ready in $((SECONDS - started)) s"
}

# uv does not read pip's configuration: where only pip knows the way to a registry this fails, and pip follows.
# Byte-compiling here makes the first start of dbt as fast as the second.
install_with_uv() {
    "$ROOT/.local/venv-uv/bin/uv" pip sync --quiet --require-hashes --compile-bytecode --link-mode=copy --python "$2/bin/python" "$1"
}

# A lock is complete, and may leave out on purpose what a package asks for (scripts/requirements/dbt-overrides.txt): hence --no-deps.
install_with_pip() {
    "$2/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$1" ||
        fail "the packages of $1 could not be installed" "is a package registry reachable? pip's message is above"
}
