/* SPDX-License-Identifier: MIT */
/* Applications of the image: APP() and running one by name. An extension. */
#ifndef _SYS_APP_H
#define _SYS_APP_H

#include <kernel/app.h>

/* Run an application by name in this thread; its result, or -1 with errno (ENOENT: there is none of
 * that name). */
int app_run(int argc, char **argv);

#endif
