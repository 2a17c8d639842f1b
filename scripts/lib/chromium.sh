# A headless Chromium of this repository. Source it after environments.sh, then call `ensure_chromium`: $CHROMIUM is then a
# browser, unless it was set before. npm installs it below .local: it comes whole in its package, with its libraries and a font.
ensure_chromium() {
    [ -z "${CHROMIUM:-}" ] || return 0
    local folder="$ROOT/.local/chromium" requirements="$ROOT/scripts/requirements/chromium"
    command -v npm >/dev/null || fail "npm is needed to install a browser" "or name an installed one: CHROMIUM=/usr/bin/chromium $0 …"
    # Its programs name their folder, so one that was moved is made anew.
    if [ "$(cat "$folder/installed" 2>/dev/null)" != "$(chromium_stamp "$folder")" ]; then
        say "preparing a headless Chromium"
        rm -rf "$folder"
        mkdir -p "$folder"
        cp "$requirements/package.json" "$requirements/package-lock.json" "$folder"
        (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
        node "$ROOT/scripts/reporting/unpack.mjs" "$folder"
        # Only the browser itself may find these libraries: other programs have their own.
        printf '#!/bin/sh\nexport LD_LIBRARY_PATH="%s/libraries/lib" FONTCONFIG_PATH="%s/fonts"\nexec "%s/chromium" "$@"\n' \
            "$folder" "$folder" "$folder" >"$folder/browser"
        chmod +x "$folder/browser"
        chromium_stamp "$folder" >"$folder/installed"
    fi
    CHROMIUM="$folder/browser"
}

# Prints what must be noted in the folder of an up-to-date browser.
chromium_stamp() {
    cksum "$ROOT/scripts/requirements/chromium/package-lock.json" "$ROOT/scripts/lib/chromium.sh" "$ROOT/scripts/reporting/unpack.mjs"
    printf '%s\n' "$1"
}
