/* SPDX-License-Identifier: ISC */
/* http_message.c: what handlers ask of a request, and put into an answer. */
#include "http/http.h"

#include "base/file.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *
http_query(const struct request *q, const char *name)
{
	for (size_t i = 0; i < q->queries; i++)
		if (strcmp(q->query[i].name, name) == 0)
			return q->query[i].value;
	return NULL;
}

const char *
http_header(const struct request *q, const char *name)
{
	for (size_t i = 0; i < q->n_headers; i++)
		if (strcasecmp(q->headers[i].name, name) == 0)
			return q->headers[i].value;
	return NULL;
}

void
response_init(struct response *r)
{
	memset(r, 0, sizeof *r);
	r->status = 200;
	r->fd = -1;
}

void
response_free(struct response *r)
{
	fd_close(&r->fd);
	buf_free(&r->body);
	buf_free(&r->detail);
	free(r->watches);
	response_init(r);
}

void
response_header(struct response *r, const char *name, const char *fmt, ...)
{
	va_list ap;

	assert(r->headers < HTTP_HEADERS);
	r->header[r->headers].name = name;
	va_start(ap, fmt);
	int n = vsnprintf(r->header[r->headers].value,
	    sizeof r->header[r->headers].value, fmt, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < sizeof r->header[r->headers].value);
	r->headers++;
}
