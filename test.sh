#!/usr/bin/env bash
# Sets up what is missing, builds both sides and runs the tests; ends with "N passed, N failed".
#
#   ./test.sh          everything that a change must pass (some 20 minutes on 2 cores; more the first time, for it installs)
#   ./test.sh full     that, the tests of the lab and of the tests, the installer, and the long rounds with the figures that docs/testing.md quotes
#   ./test.sh soak [M] the main job over and over for M minutes (default 30)
#
# Unit tests run natively with AddressSanitizer and UndefinedBehaviorSanitizer, and the same
# sources under Wine; end-to-end cases run the real exe under Wine against the static binary in a
# VM with Debian's own kernel. docs/testing.md tells more.
set -euo pipefail
source "$(dirname "$0")/scripts/common.sh"
cd "$root"

# Fewer tests than this mean that some were lost, not that all is well.
minimum=4500

mode=${1:-default}
case $mode in
default | full | soak) ;;
-h | --help)
    sed -nE '2,/^set/ s/^# ?//p' "$0"
    exit 0
    ;;
*) die "unknown mode '$mode': ./test.sh [full | soak [MINUTES]]" ;;
esac

groups=(build check lab)
[ "$mode" != full ] || groups+=(npm)
scripts/setup.sh "${groups[@]}"
scripts/build-deps.sh
for preset in sanitize linux windows; do
    step "building preset $preset" scripts/build.sh "$preset"
done
step "building the VM's image" tests/vm/image.sh
step "building the VM's disk with Debian" tests/vm/debian.sh
[ "$mode" != full ] || step "building the VM's disk with Node" tests/vm/debian.sh node

python=/usr/bin/python3
step "preparing the Wine prefix" "$python" tests/lab/wine.py

if [ "$mode" = soak ]; then
    exec "$python" tests/e2e/soak.py --minutes "${2:-30}"
fi

# Three programs run at once, for the end-to-end cases mostly wait for a Windows that takes its time; the long
# ones start first. Figures are taken with the machine to themselves.
suites=(
    "$python tests/e2e/usbipd_rows.py"
    "$python tests/guest/vm_smoke.py"
    "$python tests/host/install_smoke.py"
)
lab_suites=(
    "$python tests/hardening.py"
    "$python tests/schema.py"
    "$python tests/e2e/chips.py"
    "$python tests/e2e/families.py"
    "$python tests/e2e/link_security.py"
    "$python tests/guest/socket_places.py"
    "$python tests/host/pnp_smoke.py"
    "$python tests/host/session_smoke.py"
    "$python tests/host/stream_smoke.py"
    "$python tests/link/fan_out.py"
    "$python tests/link/status_terminal.py"
    "$python tests/link/status_tmux.py"
    "$python tests/link/verb_output.py"
)
# The lab's tests of itself, and of the tests: every suite above stands on the lab and would fall with it.
double=build/linux/tests/lab/usbip/usbipd_double
self_tests=(
    "$python tests/e2e/planted_bugs.py"
    "$python tests/e2e/naive.py"
    "$python tests/vm/selftest.py --usbipd-double $double"
    "$python tests/vm/flash_selftest.py --usbipd-double $double"
    "$python tests/lab/pnp/selftest.py"
    "$python tests/lab/usbipd_selftest.py"
    "$python tests/lab/wsl_selftest.py"
)
alone=(scripts/check.sh)
if [ "$mode" = full ]; then
    jobs=1 limit_s=3600
    lab_suites+=("${self_tests[@]}")
    suites+=(
        "$python tests/guest/setup_smoke.py"
        "$python tests/e2e/lost_and_found.py --figures"
        "$python tests/e2e/hand.py"
        "$python tests/e2e/ghosts.py --figures"
        "$python tests/e2e/permissions.py --full"
        "$python tests/e2e/flash.py --full"
        "$python tests/e2e/ide_docs.py --full"
        "$python tests/e2e/install.py --figures"
        "$python tests/e2e/ways.py"
        "$python tests/e2e/ways.py --flash"
        "$python tests/e2e/chain.py --rounds 25 --figures"
        "$python tests/e2e/cycles.py --cycles 1000"
    )
else
    jobs=3 limit_s=600
    # Five boards at once are more than two cores bear beside other labs: a reset that is heard of 150 ms late is taken for a detach.
    alone+=("$python tests/e2e/cycles.py --cycles 8")
    suites+=(
        "$python tests/guest/setup_smoke.py --quick"
        "$python tests/e2e/lost_and_found.py"
        "$python tests/e2e/hand.py"
        "$python tests/e2e/ghosts.py"
        "$python tests/e2e/permissions.py"
        "$python tests/e2e/flash.py"
        "$python tests/e2e/ide_docs.py"
        "$python tests/e2e/ways.py --over bridge --import direct --quick" # over TCP: all the others
        "$python tests/e2e/ways.py --import through_host --quick"
        "$python tests/e2e/chain.py --rounds 4"
    )
fi
parts=("${alone[@]/#/alone:}" "${suites[@]/#/suite:}" "${lab_suites[@]/#/suite:}" ctest:build/sanitize ctest:build/windows)
# Programs that ctest starts under Wine find their prefix in the environment; the suites make prefixes of their own.
exec "$python" tests/lab/wine.py run "$python" tests/run.py --minimum "$minimum" --jobs "$jobs" --limit-s "$limit_s" "${parts[@]}"
