/* SPDX-License-Identifier: ISC */
/* visit_record.c: what is kept of a visitor's session. */
#include "join/visit.h"

#include "base/now.h"

int
visit_record(
    const json_t *answer, const char *url, struct buf *out, struct err *e)
{
	const char *name = "", *host = "", *token = "";
	uint64_t expires_s;

	if (jsonio_text(answer, "name", &name, e) < 0 ||
	    jsonio_text(answer, "host", &host, e) < 0 ||
	    jsonio_text(answer, "token", &token, e) < 0 ||
	    jsonio_u64(answer, "expires_s", &expires_s, e) < 0)
		return -1;
	buf_put_u64(out, (uint64_t)now_ms() + expires_s * 1000);
	buf_put_v8(out, bytes_str(name));
	buf_put_v8(out, bytes_str(host));
	if (url != NULL)
		buf_put_v16(out, bytes_str(url));
	buf_put_v8(out, bytes_str(token));
	return 0;
}
