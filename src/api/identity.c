/* SPDX-License-Identifier: ISC */
/* identity.c: the server's word for the certificates that TLS shows. */
#include "api/api.h"

#include "base/text.h"

/* No transaction: a proxy may have to be asked first. */
int
identity_get(
    void *app, const struct request *q, struct response *r, struct err *e)
{
	struct server *s = app;
	const char *hex = http_query(q, "nonce");
	OWN(jsonio_free) json_t *out = json_object();
	OWN(buf_free) struct buf nonce = { 0 };
	OWN(buf_free) struct buf answer = { 0 };

	if (hex == NULL || text_unhex(&nonce, bytes_str(hex)) < 0 ||
	    nonce.n != IDENTITY_NONCE)
		return err_set(e, ERR_BAD_REQUEST,
		    "nonce is not %d bytes in hex", IDENTITY_NONCE);
	if (s->plain)
		return err_set(
		    e, ERR_NOT_FOUND, "over plain HTTP there is no identity");
	if (certs_vouch(s->certs, buf_bytes(&nonce), &answer, e) < 0)
		return -1;
	jsonio_put_bytes(out, "identity", buf_bytes(&answer));
	jsonio_put(&r->body, out);
	return 0;
}
