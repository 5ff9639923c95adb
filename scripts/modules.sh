#!/usr/bin/env bash
# Prints the map of the tree: each module of the product, by folder, with the first sentence of its header, which says its job.
#
#   scripts/modules.sh [FOLDER...]
#
# Exits 1 if a header does not say it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root"

case ${1:-} in
-h | --help)
    sed -nE '2,/^set/ s/^# ?//p' "$0"
    exit 0
    ;;
esac

[ $# -gt 0 ] || set -- shared/core shared/link shared/stream shared/cli host-win guest-linux
exec awk '
function finish() {
    if (name == "") return
    if (job == "") { printf "%s.h does not say its job\n", name > "/dev/stderr"; bad = 1; return }
    printf "  %-22s %s\n", name, job
}
FNR == 1 {
    finish()
    folder = FILENAME; sub("/[^/]*$", "", folder)
    name = FILENAME; sub(".*/", "", name); sub("[.]h$", "", name)
    if (folder != last) { printf "%s%s\n", last == "" ? "" : "\n", folder; last = folder }
    job = ""; reading = /^\/\*/
}
reading {
    text = $0
    gsub(/^\/\*+ *|^ \* ?| *\*\/$/, "", text)
    if (text == "" || /^#/) reading = 0
    else job = job (job == "" ? "" : " ") text
    # A sentence ends at a full stop before a blank, a bracket or the end.
    if (match(job, /[.]( |$)/)) { job = substr(job, 1, RSTART); reading = 0 }
    else if (/\*\/$/) reading = 0
}
END { finish(); exit bad }
' $(git ls-files --cached --others --exclude-standard -- "${@/%//*.h}" | sort)
