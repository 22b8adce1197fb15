/* SPDX-License-Identifier: ISC */
/* control.c: JSON over remote_call. */
#include "link/control.h"

static int
call(struct remote *r, const struct remote_call *c, json_t **out, struct err *e)
{
	OWN(buf_free) struct buf answer = { 0 };

	if (remote_call(r, c, &answer, e) < 0)
		return -1;
	if (out == NULL)
		return 0;
	return jsonio_parse(buf_bytes(&answer), out, e);
}

static int
json_call(struct remote *r, struct remote_call *c, const json_t *in,
    json_t **out, struct err *e)
{
	OWN(buf_free) struct buf text = { 0 };

	if (in != NULL)
		jsonio_put(&text, in);
	c->type = "application/json";
	c->body = buf_bytes(&text);
	return call(r, c, out, e);
}

int
control_call(struct remote *r, const char *method, const char *path,
    const json_t *in, json_t **out, struct err *e)
{
	struct remote_call c = {
		.method = method, .path = path, .noted = true
	};

	return json_call(r, &c, in, out, e);
}

int
control_call_bare(struct remote *r, const char *method, const char *path,
    const json_t *in, json_t **out, struct err *e)
{
	struct remote_call c = { .method = method, .path = path, .bare = true };

	return json_call(r, &c, in, out, e);
}

int
control_act(struct remote *r, const char *method, const char *path,
    const json_t *in, json_t **out, struct err *e)
{
	struct remote_call c = {
		.method = method, .path = path, .noted = true, .shown = true
	};

	return json_call(r, &c, in, out, e);
}

int
control_act_bare(struct remote *r, const char *method, const char *path,
    const json_t *in, json_t **out, struct err *e)
{
	struct remote_call c = { .method = method,
		.path = path,
		.bare = true,
		.noted = true,
		.shown = true };

	return json_call(r, &c, in, out, e);
}

int
control_wait(
    struct remote *r, const struct control_wait *w, json_t **out, struct err *e)
{
	struct remote_call c = { .method = w->in != NULL ? "POST" : "GET",
		.path = w->path,
		.timeout_s = w->wait_s + 30,
		.waits = w->wait_s > 0,
		.ends = w->ends };

	return json_call(r, &c, w->in, out, e);
}
