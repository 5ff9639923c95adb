# Sourced by the scripts: where things are, and how progress is told.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${TTYFERRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ttyferry}
export TTYFERRY_CACHE=$cache
mkdir -p "$cache"

if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' plain=$'\e[0m'; else bold='' dim='' red='' plain=''; fi

say() { printf '%s==>%s %s\n' "$bold" "$plain" "$*"; }
die() {
    printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2
    exit 1
}

# step TEXT COMMAND...: runs the command with its output in a log, shows the seconds it took, and
# on failure the end of the log.
step() {
    local text=$1 log start seconds
    shift
    log=$cache/log/$(printf '%s' "$text" | tr -c 'A-Za-z0-9\n' '-').log
    mkdir -p "$cache/log"
    start=$EPOCHREALTIME
    printf '%s==>%s %-58s' "$bold" "$plain" "$text"
    if "$@" >"$log" 2>&1 </dev/null; then
        seconds=$(((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}) / 100000))
        printf ' %s%3d.%d s%s\n' "$dim" $((seconds / 10)) $((seconds % 10)) "$plain"
    else
        printf ' %sfailed%s\n' "$red" "$plain"
        tail -n 40 "$log" >&2
        die "'$text' failed; the whole log is $log"
    fi
}
