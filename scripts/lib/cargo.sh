# How this repository's crates are compiled, the same in every command, so that none compiles again what another has. Source it.
#
# Clippy's driver is the compiler with its lints on. Used for the building itself, lints need no second check of two hundred crates;
# here they only warn, and the step `lint` of scripts/test lets nothing pass that warns. Without clippy the plain compiler does.
if [ -x "$(rustc --print sysroot 2>/dev/null)/bin/clippy-driver" ]; then
    RUSTC_WORKSPACE_WRAPPER="$(rustc --print sysroot)/bin/clippy-driver"
    CLIPPY_ARGS=--cap-lints=warn
    export RUSTC_WORKSPACE_WRAPPER CLIPPY_ARGS
fi
