/* SPDX-License-Identifier: ISC */
/* gateway_message.c: one code on its way. */
#include "server/gateway_in.h"

#include <stdlib.h>
#include <string.h>

const char *
gateway_tail(const struct gateway_message *m)
{
	size_t n = strlen(m->number);

	return m->number + (n > 2 ? n - 2 : 0);
}

void
gateway_message_free(struct gateway_message **mp)
{
	struct gateway_message *m = *mp;

	if (m == NULL)
		return;
	if (m->message != NULL)
		mem_wipe(m->message, strlen(m->message));
	free(m->message);
	buf_free(&m->answer);
	mem_wipe(m, sizeof *m);
	free(m);
	*mp = NULL;
}
