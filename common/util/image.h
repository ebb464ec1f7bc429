/* Beginning anew: how a process that has started the EAL, which can be done once and never undone,
 * gets rid of it and stays the same process. */
#pragma once

/* Executes this program again, or the build that has taken its place on disk since, with argv and
 * the environment as they are. Of the open files only 0..2 and those of image_keep() go on: the
 * EAL's survive an exec, and their locks would keep the next engine from starting. Returns only when
 * it cannot. May be called in a signal's context. */
void image_again(char *const argv[]);

/* An open file that goes on over image_again(); IMAGE_KEEP_MAX of them at most. */
#define IMAGE_KEEP_MAX 8
void image_keep(int fd);
