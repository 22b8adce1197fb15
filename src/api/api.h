/* SPDX-License-Identifier: ISC */
/* api.h: the calls of the server, one module for each subject. */
#pragma once

#include "server/server.h"

/* The table of routes. */
extern const struct http_route api_routes[];
extern const size_t api_n_routes;

http_handle_fn signup_info, signup_start, signup_finish;
http_handle_fn sessions_challenge, sessions_open, sessions_left, sessions_end,
    sessions_list, sessions_end_one;
http_handle_fn status_account, status_log;
http_handle_fn signin_start, signin_finish, signin_step_start,
    signin_step_finish, signin_password_start, signin_password_finish;
http_handle_fn joins_list, joins_allow, joins_refuse, joins_allow_again,
    joins_fail, joins_cancel, joins_prompt, joins_post, joins_messages;
http_handle_fn entries_list, entries_submit, envelopes_list, envelopes_fill;
http_handle_fn twofactor_set;
http_handle_fn apppass_list, apppass_create, apppass_revoke, apppass_revoke_all;
http_handle_fn mail_list, mail_add, mail_confirm, mail_remove;
http_handle_fn zones_list, zones_commit, zones_changes, zones_blob_get,
    zones_blob_delete, zones_blob_exists;
http_handle_fn freshpins_set;
http_handle_fn protections_show, protections_escrow, protections_release_key;
http_handle_fn release_nonce, release_keys, release_journal;
http_handle_fn recoveries_collect;
http_handle_fn recoverykeys_list, recoverykeys_half, recoverykeys_stage,
    recoveries_stop, recoveries_allow;
http_handle_fn recoveries_begin, recoveries_look, recoveries_cancel,
    recoveries_keyring, recoveries_prove, recoveries_password,
    recoveries_finish;
http_handle_fn assist_list, assist_begin, assist_end, assist_post,
    assist_messages;
http_handle_fn visits_ask, visits_list, visits_allow, visits_refuse,
    visits_cancel, visits_done, visits_post, visits_messages;
extern const struct http_sink zones_blob_put;

/* Append whom a prompt and a refusal count for. */
void joins_asker(
    const struct call *c, uint8_t class, const char *os, struct buf *out);
/* Whether no device has refused that asker within a day; else *ok false: it is
 * refused. */
MUST_CHECK int joins_not_refused(struct tx *tx, struct call *c,
    const struct id *uid, const char *asker, bool *ok, struct err *e);
/* Count one prompt of the trusted devices; *ok false: refused. */
MUST_CHECK int joins_may_prompt(struct tx *tx, struct call *c,
    const struct id *uid, const char *asker, bool *ok, struct err *e);
/* Who withdraws what nobody has answered yet has not asked. */
MUST_CHECK int joins_unprompt(struct tx *tx, struct call *c,
    const struct id *uid, const char *asker, struct err *e);
/* After a refusal: no prompts by that asker for a day. */
MUST_CHECK int joins_silence(struct tx *tx, struct call *c,
    const struct id *uid, const char *asker, struct err *e);
