/* SPDX-License-Identifier: ISC */
/* remote_in.h: what the parts of a remote share; for remote*.c only. */
#pragma once

#include "link/act.h"
#include "link/remote.h"

#include <stdatomic.h>
#include <pthread.h>

#include <curl/curl.h>

#define POOL 16 /* idle connections kept */

struct remote {
	char *url; /* as given; with the pin, where that was asked for */
	char *base; /* scheme://authority */
	struct digest pin; /* the identity; zeros over plain HTTP */
	bool tls, loopback;
	atomic_uint_least64_t up, down; /* bytes a second; 0: no limit */
	pthread_mutex_t lock; /* of all that follows */
	char *curl_pin; /* the keys that a connection may show; NULL: HTTP */
	bool vouched; /* these are not the pin alone */
	int64_t since_ms; /* when they were, or 0 */
	struct buf shown; /* see remote_shown */
	char *moved; /* the URL with another pin, from then on; set once */
	struct digest moved_pin;
	CURL *idle[POOL];
	size_t n_idle;
	struct buf token;
	unsigned generation; /* of the token */
	remote_renew_fn renew;
	void *renew_ctx;
	struct local *notes; /* borrowed, or NULL */
	struct act last; /* whose answer is to be shown */
};

/* ---- remote_identity.c: whom a connection must show ---- */

/* These keys, from the next connection on, which the identity vouched for at
 * that time; after a day it is asked again. n >= 1. */
void remote_pin_to(
    struct remote *r, const struct digest *keys, size_t n, int64_t since_ms);
/* The options of a connection that shows one of them. */
void remote_set_pin(CURL *h, struct remote *r);
/*
 * A connection showed none of them: does the identity vouch for it?
 *
 * errors  certificate-changed: it does not; server-unreachable.
 */
MUST_CHECK int remote_vouch(struct remote *r, struct err *e);
/*
 * No pin was given: learn the identity from a connection that an authority of
 * this system vouches for, and write the pin into the URL.
 *
 * errors  certificate-changed; server-unreachable.
 */
MUST_CHECK int remote_meet(struct remote *r, struct err *e);
