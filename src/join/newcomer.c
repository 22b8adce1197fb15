/* SPDX-License-Identifier: ISC */
/* newcomer.c: opening a request to join. */
#include "join/newcomer.h"

#include "base/typed.h"
#include "client/chain.h"
#include "link/depot_remote.h"

#include "client/home.h"

#include <stdlib.h>

void
newcomer_free(struct newcomer *n)
{
	remote_free(&n->remote);
	devkey_free(&n->key);
	secret_free(&n->export_key);
	buf_free(&n->record);
	free(n->host);
	free(n->token);
	n->host = n->token = NULL;
}

static void
draw(struct newcomer *n, const char *device_name, uint8_t class)
{
	n->key = devkey_new(&n->device);
	n->device.class = class;
	n->device.rights = RIGHT_APPROVE;
	id_random(&n->opening);
	id_random(&n->nonce);
	device_name_commit(&n->opening, device_name, &n->device.name_commit);
	device_put(&n->record, &n->device);
}

int
newcomer_request(const struct newcomer_ask *a, struct newcomer *n,
    json_t **answer, struct err *e)
{
	OWN(login_free) struct login l = { .known = NULL };
	OWN(jsonio_free) json_t *server = NULL;
	OWN(jsonio_free) json_t *ask = json_object();
	OWN(buf_free) struct buf m = { 0 };
	OWN(buf_free) struct buf known = { 0 };
	OWN(buf_free) struct buf name = { 0 };
	const char *host = "", *token = "";
	struct digest mac, machine;
	uint16_t mature;

	if (a->dir != NULL)
		home_known(a->dir, &known);
	if (known.n > 0)
		l.known = buf_text(&known);
	if (remote_new(a->url, &n->remote, e) < 0 ||
	    login_server(n->remote, &server, &mature, e) < 0 ||
	    jsonio_text(server, "host", &host, e) < 0 ||
	    typed_account(bytes_str(a->name), host, &name, e) < 0 ||
	    login_start(n->remote, buf_text(&name), a->password, &l, e) < 0)
		return -1;
	n->host = mem_text(host);
	draw(n, a->device_name, a->browser ? CLASS_BROWSER : CLASS_COMPUTER);
	id_put(&m, &l.id);
	id_put(&m, &n->nonce);
	buf_put_bytes(&m, buf_bytes(&n->record));
	login_mac(&l, "aumbry signin v1", buf_bytes(&m), &mac);
	jsonio_put_id(ask, "login", &l.id);
	jsonio_put_bytes(ask, "ke3", bytes_of(l.ke3, sizeof l.ke3));
	jsonio_put_bytes(ask, "device", buf_bytes(&n->record));
	jsonio_put_text(ask, "os", a->browser ? "browser" : "linux");
	jsonio_put_text(ask, "with", a->with);
	if (l.known != NULL)
		jsonio_put_text(ask, "known", l.known);
	if (home_machine_mark(&n->nonce, &machine))
		jsonio_put_bytes(
		    ask, "machine", bytes_of(machine.b, DIGEST_BYTES));
	jsonio_put_bytes(ask, "nonce", bytes_of(n->nonce.b, ID_BYTES));
	jsonio_put_bytes(ask, "mac", bytes_of(mac.b, DIGEST_BYTES));
	if (control_call_bare(
		n->remote, "POST", "/v1/signin/finish", ask, answer, e) < 0 ||
	    jsonio_id(*answer, "uid", &n->uid, e) < 0 ||
	    jsonio_id(*answer, "join", &n->join, e) < 0 ||
	    jsonio_text(*answer, "token", &token, e) < 0)
		return -1;
	n->token = mem_text(token);
	remote_set_token(n->remote, token);
	n->export_key = TAKE(l.keys.export_key);
	return 0;
}

int
newcomer_keys_only(struct newcomer *n, bool *only, struct err *e)
{
	OWN(depot_free) struct depot *depot = depot_remote_new(n->remote);
	OWN(circle_free) struct circle c = { 0 };
	OWN(buf_free) struct buf all = { 0 };

	if (depot->ops->circle(depot, 0, &all, e) < 0)
		return -1;
	if (chain_apply(&c, buf_bytes(&all), e) < 0)
		return -1;
	*only = c.keys_only != 0;
	return 0;
}
