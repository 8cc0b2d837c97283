# What the demos share: sourced by them, behind PYTHON.

# Show a command as one would type it, then run it.
run() {
    printf '\n$ python'
    for word in "$@"; do
        case $word in *'\'*) printf " '%s'" "$word" ;; *' '*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$PYTHON" "$@"
}

fail() {
    echo "$(basename "$0" .sh | tr _ -): $1" >&2
    exit 1
}

# A demo may replace its own model, which is of its own data, and never another one: the option for that goes into `overwrite`.
overwrite=()
may_replace() {
    if [ -f "$1/task.json" ] && grep -q "\"name\": \"$2\"" "$1/task.json"; then
        overwrite=(--overwrite_output_dir)
    fi
}
