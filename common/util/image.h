/* Beginning anew: how a process that has started the EAL, which can be done once and never undone,
 * gets rid of it and stays the same process. */
#pragma once

/* Executes this program again, or the build that has taken its place on disk since, with argv and
 * the environment as they are. Of the open files only 0..2 and keep_fd (0: none) go on: the EAL's
 * survive an exec, and their locks would keep the next engine from starting. Returns only when it
 * cannot. May be called in a signal's context. */
void image_again(char *const argv[], int keep_fd);
