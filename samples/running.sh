# What the demos share: sourced by them, behind PYTHON.

# Show a command as one would type it, then run it.
run() {
    printf '\n$ python'
    for word in "$@"; do
        case $word in *' '*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$PYTHON" "$@"
}
