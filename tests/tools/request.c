/* SPDX-License-Identifier: ISC */
/* request.c: opens a request to join, and says by which token it is reached. */
/*
 *     request URL NAME PASSWORD-FILE WITH
 *
 * As the account page does after name and password. Prints what the server
 * answered, a line of JSON; what curl sends with its "token" is then up to the
 * test. A refusal ends with its code, as those of aumbry do.
 */
#include "base/file.h"
#include "join/newcomer.h"
#include "wire/jsonio.h"

#include <stdio.h>
#include <string.h>

#define PASSWORD_BYTES 1024

static int
request(char **words, struct buf *out, struct err *e)
{
	OWN(newcomer_free) struct newcomer n = { .key = NULL };
	OWN(jsonio_free) json_t *answer = NULL;
	OWN(buf_free) struct buf line = { 0 };
	struct newcomer_ask ask = { .url = words[0],
		.name = words[1],
		.device_name = "browser",
		.with = words[3],
		.browser = true };

	if (file_read(words[2], PASSWORD_BYTES, &line, e) < 0)
		return -1;
	ask.password = bytes_of(line.p, strcspn(buf_text(&line), "\r\n"));
	if (newcomer_request(&ask, &n, &answer, e) < 0)
		return -1;
	jsonio_put(out, answer);
	return 0;
}

int
main(int argc, char **argv)
{
	OWN(buf_free) struct buf out = { 0 };
	struct err e = { 0 };

	if (argc != 5) {
		(void)fputs(
		    "usage: request URL NAME PASSWORD-FILE WITH\n", stderr);
		return 2;
	}
	if (request(argv + 1, &out, &e) < 0) {
		(void)fprintf(
		    stderr, "request: %s\n(%s)\n", e.msg, err_name(e.code));
		return 1;
	}
	(void)puts(buf_text(&out));
	return 0;
}
