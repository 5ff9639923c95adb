"""A lab whose wsl.exe leads into its VM: its agents can link over a bridge, wsl.exe's stdio.

    with Lab() as lab, bridged(lab):
        lab.start_agents()
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
from collections.abc import Iterator

from lab import Lab
from wsl_distribution import Distribution
from wsl_lab import PORT_FILE, SYSTEM_FOLDER, WSL_PROGRAM
from wsl_service import WslService

DISTRIBUTION = "Lab"
# Ends the program with those words, and waits until it is gone.
END_SCRIPT = r"""for p in /proc/[0-9]*; do
    tr '\0' ' ' <$p/cmdline 2>/dev/null | grep -q '^[^ ]*ttyferry {} $' || continue
    kill ${{p#/proc/}} && while [ -d $p ]; do sleep 0.01; done
    exit
done
exit 1"""


class LabDistribution(Distribution):
    """The lab's own VM as a distribution: it runs for as long as the lab does."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(DISTRIBUTION, machine=False, state="Running", default_user="root")
        self.vm = lab.vm

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass

    def script(self, user: str | None, folder: str, words: list[str], shell: bool) -> str:
        """The lab's VM has no users but root, and none of the programs that change to one."""
        return "exec " + shlex.join(words)


@contextlib.contextmanager
def bridged(lab: Lab) -> Iterator[None]:
    """Agents that are started within link over a bridge, and over nothing else."""
    assert lab.prefix.path
    before = lab.link_config, lab.host_config
    service = WslService([LabDistribution(lab)])
    service.start()
    (lab.prefix.path / PORT_FILE).write_text(str(service.port))
    shutil.copy(WSL_PROGRAM, lab.prefix.path / SYSTEM_FOLDER / "wsl.exe")
    lab.vm.run("mkdir -p /usr/local/bin && ln -sf /bin/ttyferry /usr/local/bin/ttyferry", check=True)
    lab.link_config = {**lab.link_config, "transport": "bridge"}
    lab.host_config = {**lab.host_config, "wsl": {"distribution": DISTRIBUTION}}
    try:
        yield
    finally:
        lab.link_config, lab.host_config = before
        service.stop()


def end_bridge(lab: Lab) -> None:
    """The bridge's program in the guest ends in the middle of it all."""
    lab.vm.run(END_SCRIPT.format("agent --stdio"), check=True)


def end_background_agent(lab: Lab) -> None:
    """The guest agent that a bridge has started."""
    lab.vm.run(END_SCRIPT.format("agent --background"), check=True)
