/* SPDX-License-Identifier: ISC */
/* api.h: the calls of the server, one module for each subject. */
#pragma once

#include "server/server.h"

/* The table of routes. */
extern const struct http_route api_routes[];
extern const size_t api_n_routes;

http_handle_fn signup_info, signup_start, signup_finish;
http_handle_fn session_challenge, session_open, session_left, session_end,
    session_list, session_end_one;
http_handle_fn status_account, status_log;
http_handle_fn signin_start, signin_finish, signin_step_start,
    signin_step_finish, signin_password_start, signin_password_finish;
http_handle_fn join_list, join_allow, join_refuse, join_allow_again, join_fail,
    join_cancel, join_prompt, join_post, join_messages;
http_handle_fn ring_list, ring_submit, ring_keyring, ring_fill;
http_handle_fn twofactor_set;
http_handle_fn apppass_list, apppass_create, apppass_revoke, apppass_revoke_all;
http_handle_fn mail_list, mail_add, mail_confirm, mail_remove;
http_handle_fn zones_list, zones_commit, zones_changes, zones_blob_get,
    zones_blob_delete, zones_blob_exists;
http_handle_fn pins_set;
http_handle_fn protect_show, protect_escrow, protect_release_key;
http_handle_fn release_nonce, release_keys, release_journal;
http_handle_fn recover_collect;
http_handle_fn recovery_list, recovery_half, recovery_stage, recovery_stop,
    recovery_allow;
http_handle_fn recover_begin, recover_look, recover_cancel, recover_keyring,
    recover_prove, recover_password, recover_finish;
http_handle_fn assist_list, assist_begin, assist_end, assist_post,
    assist_messages;
http_handle_fn visits_ask, visits_list, visits_allow, visits_refuse,
    visits_cancel, visits_done, visits_post, visits_messages;
extern const struct http_sink zones_blob_put;

/* Append whom a prompt and a refusal count for. */
void join_asker(
    const struct call *c, uint8_t class, const char *os, struct buf *out);
/* Whether no device has refused that asker within a day; else *ok false: it is
 * refused. */
MUST_CHECK int join_not_refused(struct tx *tx, struct call *c,
    const struct id *uid, const char *asker, bool *ok, struct err *e);
/* Count one prompt of the trusted devices; *ok false: refused. */
MUST_CHECK int join_may_prompt(struct tx *tx, struct call *c,
    const struct id *uid, const char *asker, bool *ok, struct err *e);
/* Who withdraws what nobody has answered yet has not asked. */
MUST_CHECK int join_unprompt(struct tx *tx, struct call *c,
    const struct id *uid, const char *asker, struct err *e);
/* After a refusal: no prompts by that asker for a day. */
MUST_CHECK int join_silence(struct tx *tx, struct call *c, const struct id *uid,
    const char *asker, struct err *e);
