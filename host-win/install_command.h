/* The verbs `install`, `uninstall` and `pair`. */
#ifndef TTYFERRY_HOST_WIN_INSTALL_COMMAND_H
#define TTYFERRY_HOST_WIN_INSTALL_COMMAND_H

int install_command(int argc, char **argv);
int uninstall_command(int argc, char **argv);
int pair_command(int argc, char **argv);

#endif
