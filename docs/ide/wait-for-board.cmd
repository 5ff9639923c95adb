@echo off
rem Waits until a board can be used in WSL and prints its tty, for scripts of cmd.exe.
rem
rem   wait-for-board.cmd BOARD
rem
rem BOARD is what `ttyferry.exe wait` takes: a name, or VID:PID. Exit codes: 0 done, 2 usage,
rem 1 whatever `wait` ended with, which cmd's `for` does not hand on; it has said on stderr what is wrong.
setlocal
if "%~1"=="" (
    echo usage: wait-for-board.cmd BOARD 1>&2
    exit /b 2
)
set tty=
for /f "delims=" %%t in ('ttyferry.exe wait %1 --timeout 30') do set tty=%%t
if "%tty%"=="" exit /b 1
rem From here on it is a path like any other: wsl.exe --exec avrdude -P %tty% ...
echo %tty%
