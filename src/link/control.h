/* SPDX-License-Identifier: ISC */
/* control.h: control calls: JSON in, JSON out, every field checked. */
#pragma once

#include "link/remote.h"
#include "wire/jsonio.h"

/*
 * Make one call, with the token that r has; _bare: without any.
 *
 * in      the request's object, or NULL for none; stays the caller's.
 * out     the answer, to be freed with jsonio_free; NULL: it is not wanted.
 * errors  whatever the server names; bad-request when its answer is no object.
 */
MUST_CHECK int control_call(struct remote *r, const char *method,
    const char *path, const json_t *in, json_t **out, struct err *e);
MUST_CHECK int control_call_bare(struct remote *r, const char *method,
    const char *path, const json_t *in, json_t **out, struct err *e);

/*
 * As control_call, for an answer that is read only once, and must be: its key is
 * kept until remote_told, so that the same call after a kill gets it again.
 */
MUST_CHECK int control_act(struct remote *r, const char *method,
    const char *path, const json_t *in, json_t **out, struct err *e);
MUST_CHECK int control_act_bare(struct remote *r, const char *method,
    const char *path, const json_t *in, json_t **out, struct err *e);

/* As control_call, waiting for the answer, until it is ended from here: then
 * code-expired. What is asked changes nothing. */
struct control_wait {
	const char *path;
	const json_t *in; /* NULL: GET, and else POST */
	unsigned wait_s; /* up to; 0: it does not wait */
	const atomic_bool *ends; /* see struct remote_call; or NULL */
};
MUST_CHECK int control_wait(struct remote *r, const struct control_wait *w,
    json_t **out, struct err *e);
