"""PlatformIO: waits for the board before each upload, and uploads to the tty that it has in WSL.

In platformio.ini:

    extra_scripts = post:ttyferry_port.py
    custom_ttyferry_board = nano          what `ttyferry wait` takes: a name, VID:PID, serial=..., port=...
    custom_ttyferry_timeout = 30          seconds
"""

import subprocess
import sys

Import("env")  # noqa: F821  pylint: disable=undefined-variable


def wait_for_board(source, target, env):  # PlatformIO passes these by name.  pylint: disable=unused-argument
    board = env.GetProjectOption("custom_ttyferry_board")
    timeout = env.GetProjectOption("custom_ttyferry_timeout", "30")
    print(f"Waiting for {board}...")
    try:
        done = subprocess.run(["ttyferry", "wait", board, "--timeout", timeout], stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        print("There is no ttyferry in the PATH. Is this WSL? `ttyferry.exe install` on Windows puts it there.", file=sys.stderr)
        env.Exit(1)
    if done.returncode != 0:
        env.Exit(done.returncode)  # It has said on stderr what is wrong.
    env.Replace(UPLOAD_PORT=done.stdout.rstrip("\n"))


env.AddPreAction("upload", wait_for_board)  # noqa: F821  pylint: disable=undefined-variable
