/* SPDX-License-Identifier: ISC */
/* daemon_closing.h: the end of an account, by who runs the server. */
#pragma once

#include "aumbryd/daemon.h"

struct daemon_closing {
	const char *data;
	const char *yes, *now; /* the account's name, again */
};

/* Rows of the table; their options are a struct daemon_closing. */
cmd_fn account_delete, account_keep, account_free;
