# Waits until a board can be used in WSL and prints its tty, for scripts of PowerShell.
#
#   .\wait-for-board.ps1 BOARD
#
# BOARD is what `ttyferry.exe wait` takes: a name, or VID:PID.
param([Parameter(Mandatory)][string]$Board)

$tty = ttyferry.exe wait $Board --timeout 30
if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
# From here on it is a path like any other: wsl.exe --exec avrdude -P $tty ...
$tty
