/* Says which boards an installation will take away from Windows, and asks. */
#ifndef TTYFERRY_HOST_WIN_INSTALL_QUESTION_H
#define TTYFERRY_HOST_WIN_INSTALL_QUESTION_H

#include <stdbool.h>

/* Lists the boards that usbipd shares and that the agent would attach. Asks on stderr and reads the
 * answer from stdin if there are any; `yes` answers it. Returns true to go on. */
bool install_question_ask(bool yes);

#endif
