/* SPDX-License-Identifier: ISC */
/* cli_device.c: aumbry device, aumbry signin. */
#include "cmd/cli.h"

int
cli_device(struct cli *cli, struct err *e)
{
	(void)cli;
	return err_set(e, ERR_USAGE, "not yet");
}

int
cli_signin(struct cli *cli, struct err *e)
{
	(void)cli;
	return err_set(e, ERR_USAGE, "not yet");
}
