#!/usr/bin/env bash
# Holds the tree to the house: its walls, clang-format, clang-tidy on both sides, shell syntax.
# Each check is one named case; ends with "N passed, N failed".
#
#   scripts/check.sh [quick]     quick leaves clang-tidy out
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root" || exit 1

passed=0 failed=0
# check NAME COMMAND...: the command succeeds.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        printf 'ok      %s\n' "$name"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s\n%s\n' "$name" "$output"
    fi
}
# nothing COMMAND...: the command prints nothing.
nothing() {
    local output
    output=$("$@")
    [ -z "$output" ] || { printf '%s\n' "$output"; false; }
}
sources() { git ls-files --cached --others --exclude-standard -- "$@"; }

core_is_pure() {
    nothing grep -rnE '#include *[<"](uv\.h|windows\.h|winsock2\.h|unistd\.h|sys/|netinet/|arpa/|linux/|fcntl\.h|time\.h|pthread\.h|errno\.h)' shared/core
}
cjson_in_its_files() {
    nothing grep -rlE 'cJSON\.h[">]' shared host-win guest-linux --include=*.c --include=*.h \
        --exclude=json_text.c --exclude=config.c --exclude=config_boards.c
}
link_knows_no_boards() {
    nothing grep -rnE '"shared/core/(board|event|wire_message|match|hardware_id|pnp_tracker|reconciler)' shared/link
}
cli_reads_streams_only() {
    nothing grep -rnE '#include "(shared/stream|host-win|guest-linux)/' shared/cli
}
sides_apart() {
    nothing grep -rn 'guest-linux/' host-win --include=*.[ch] &&
        nothing grep -rn 'host-win/' guest-linux --include=*.[ch]
}
# Only vhci writes below /sys, where no file can be created: whoever else opens one to write creates it, or names a device node.
existing_files_opened_to_write() {
    grep -rnE 'O_(WRONLY|RDWR)' guest-linux --include=*.c --exclude=vhci.c | grep -vE 'O_CREAT|"/dev/null"|probe->node'
}
one_edge_each() {
    nothing grep -rlE 'NETLINK_KOBJECT_UEVENT' guest-linux --include=*.c --exclude=uevent_socket.c &&
        nothing grep -rlE 'RegisterDeviceNotification' host-win --include=*.c --exclude=pnp_listener.c &&
        nothing existing_files_opened_to_write &&
        nothing grep -rlE 'OP_REQ_IMPORT|usbip_protocol_encode' guest-linux host-win --include=*.c --exclude=usbip_import.c
}
no_platform_switch_inside_a_function() {
    nothing grep -rnE '^\s+#\s*if.*_WIN32|^#\s*if(def|ndef)?.*_WIN32' shared/link shared/stream shared/cli --include=*.c
}
product_never_names_the_lab() { nothing grep -rnE 'tests/' shared host-win guest-linux --include=*.[ch]; }
no_hosts_in_scripts() { nothing git grep -nE 'https?://' -- '*.sh' '*.cmake' '*CMakeLists.txt' CMakePresets.json .ci; }

format() {
    local files
    mapfile -t files < <(sources '*.c' '*.h')
    clang-format --dry-run -Werror "${files[@]}"
}
shell_syntax() {
    local file
    while read -r file; do bash -n "$file" || return 1; done < <(sources '*.sh' .ci/run)
}
python_syntax() { sources '*.py' | xargs -r /usr/bin/python3 -c 'import ast,sys
for name in sys.argv[1:]: ast.parse(open(name).read(), name)'; }

# tidy BUILD PATTERN EXTRA...: clang-tidy over those of the compile database's own sources that the pattern fits, two at a time.
tidy() {
    local build=$1 pattern=$2
    shift 2
    /usr/bin/python3 - "$root" "$build/compile_commands.json" "$pattern" <<'PY' |
import json, re, sys
root, database, pattern = sys.argv[1:]
names = {entry["file"] for entry in json.load(open(database))}
own = [n[len(root) + 1 :] for n in names if n.startswith(root + "/") and n.endswith(".c")]
print("\n".join(sorted(n for n in own if not n.startswith("tests/") and re.search(pattern, n))))
PY
        xargs -r -P 2 -n 4 clang-tidy --quiet -p "$build" "$@" 2>/dev/null
}
tidy_linux() { tidy build/sanitize .; }
# What both sides share has been seen on the other.
tidy_windows() {
    tidy build/windows '^host-win/|_win\.c$' --extra-arg=--target=x86_64-w64-windows-gnu \
        --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-attributes
}

check 'shared/core includes no OS header and no uv.h' core_is_pure
check 'cJSON.h is included in its files only' cjson_in_its_files
check 'shared/link knows nothing of boards' link_knows_no_boards
check 'shared/cli knows core and link only' cli_reads_streams_only
check 'host-win and guest-linux never include each other' sides_apart
check 'each edge stands in one file' one_edge_each
check 'no platform switch in shared sources' no_platform_switch_inside_a_function
check 'every header says its job' scripts/modules.sh
check 'the product never names its tests' product_never_names_the_lab
check 'no host name in scripts and build files' no_hosts_in_scripts
check 'clang-format is clean' format
check 'shell scripts parse' shell_syntax
check 'Python programs parse' python_syntax
if [ "${1:-}" != quick ]; then
    check 'clang-tidy is clean on the Linux side' tidy_linux
    check 'clang-tidy is clean on the Windows side' tidy_windows
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
