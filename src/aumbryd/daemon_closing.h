/* SPDX-License-Identifier: ISC */
/* daemon_closing.h: accounts that end, and names, by who runs the server. */
#pragma once

#include "aumbryd/daemon.h"

struct daemon_closing {
	const char *data;
	const char *yes, *now; /* the account's name, again */
};

/* Rows of the table; their options are a struct daemon_closing. */
cmd_fn daemon_closing_delete, daemon_closing_keep, daemon_closing_free,
    daemon_closing_rename;
