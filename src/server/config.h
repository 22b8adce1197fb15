/* SPDX-License-Identifier: ISC */
/* config.h: aumbryd.conf, every key with its default in one table. */
#pragma once

#include "base/buf.h"

enum config_invitations {
	CONFIG_INVITATIONS_REQUIRED, /* a new account needs a code */
	CONFIG_INVITATIONS_OPEN, /* anybody may sign up */
	CONFIG_INVITATIONS_CLOSED /* nobody may */
};

enum config_tls {
	CONFIG_TLS_OWN, /* connections come with TLS, which ends here */
	CONFIG_TLS_PROXY /* plain HTTP from a proxy, where TLS ended */
};

#define CONFIG_PROXY_CERTS 8 /* entries of proxy_cert */

/* Texts are never NULL; "" where nothing is set. */
struct config {
	/* [server] */
	char *host; /* in name@host, and in the certificate */
	char *listen; /* ADDR:PORT, or unix:/PATH */
	char *user; /* whom root serves as; "" = the data folder's owner */
	char *url; /* what init and invite print; "" = from host and listen */
	uint64_t tls; /* enum config_tls */
	char *tls_cert, *tls_key; /* paths; "" = data/keys/ */
	char *proxy_cert; /* "/path ADDR:PORT": what proxies show, or "" */
	uint64_t threads;
	char *trusted_proxy; /* for address_nets_parse */
	uint64_t proxy_protocol; /* 0, 1 */
	uint64_t log; /* enum log_level */
	char *metrics_listen; /* ADDR:PORT on loopback, or "" */
	/* [storage] */
	char *database, *blobs;
	uint64_t reserve_bytes;
	/* [accounts] */
	uint64_t invitations; /* enum config_invitations */
	uint64_t default_quota_bytes; /* 0: none */
	/* [mail] */
	char *smtp_url, *mail_from; /* or "" */
	/* [phone] */
	char *text_url, *text_body, *call_command; /* or "" */
	char *text_method; /* GET or POST */
	/* [escrow] */
	char *escrow_socket; /* absolute path, or "" */
	char *escrow_address; /* HOST:PORT#pin=PIN, or "" */
	char *escrow_dir, *escrow_user; /* of --with-escrow */
	/* [auth] */
	char *saslauthd_socket; /* absolute path, or "" */
	/* [place] */
	char *place_database; /* absolute path, or "" */
	/* [limits] */
	uint64_t password_tries; /* in 10 minutes, per account and source */
	uint64_t code_tries; /* per challenge */
	uint64_t prompts_per_hour; /* per account */
	uint64_t signups_per_hour; /* per source */
	uint64_t messages_per_minute, messages_per_day; /* per account */
	uint64_t connections, connections_per_address;
	uint64_t idle_s, drain_s;
	uint64_t mature_hours;
	uint64_t recovery_wait_s; /* by contact or kit */
	uint64_t closing_wait_s; /* before an account ends */
};

/* Every key at its default. c: replaced, not freed before. */
void config_defaults(struct config *c);
void config_free(struct config *c);

/*
 * Set one key from text.
 *
 * errors  bad-usage: no such key, or a value it does not take. c is unchanged.
 */
MUST_CHECK int config_set(struct config *c, const char *section,
    const char *key, const char *value, struct err *e);

/*
 * Read a file's text over the defaults.
 *
 * c       made anew; empty when it fails.
 * name    of the file, for messages.
 * errors  bad-usage with "name:line: key: why": unknown key, wrong value, a
 *         key given twice, a line that is none.
 */
MUST_CHECK int config_parse(
    struct bytes text, const char *name, struct config *c, struct err *e);

/* Read the file at `path`. errors: also not-found, io-error, too-large. */
MUST_CHECK int config_load(const char *path, struct config *c, struct err *e);

/* A key whose value is another, and whether it changes while the server runs. */
typedef void config_told_fn(
    void *arg, const char *section, const char *key, bool now);

/* Take the keys that can not back to what they are in `old`. */
void config_renew(const struct config *old, struct config *fresh,
    config_told_fn *told, void *arg);

/* Append the file that config_parse reads back as c, every key explained. */
void config_text(const struct config *c, struct buf *out);
