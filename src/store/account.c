/* SPDX-License-Identifier: ISC */
/* account.c: who has an account, and by what password. */
#include "store/account.h"

#include <string.h>

const char *
account_two_factor_name(enum account_two_factor t)
{
	return t == TWO_FACTOR_ON ? "on"
	    : t == TWO_FACTOR_OFF ? "off"
				  : "pending";
}

bool
account_name_ok(char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++) {
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] = (char)(name[i] + 32);
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789._-",
			name[i]) == NULL)
			return false;
	}
	return n >= 1 && n <= LIMIT_NAME_BYTES &&
	    strchr("._-", name[0]) == NULL &&
	    strchr("._-", name[n - 1]) == NULL && strstr(name, "..") == NULL;
}

int
account_insert(struct tx *tx, const struct account *a, struct err *e)
{
	struct account other;
	bool found;

	if (account_by_name(tx, a->name, &other, &found, e) < 0)
		return -1;
	if (found)
		return err_set(e, ERR_NAME_TAKEN,
		    "the name \"%s\" belongs to another account", a->name);
	return sql_run(tx, e,
	    "INSERT INTO account (uid, name, created_ms, suspended,"
	    " two_factor, record, birth_pin) VALUES (?, ?, ?, 0, ?, ?, ?)",
	    "isnubd", &a->uid, a->name, a->created_ms, (uint64_t)a->two_factor,
	    bytes_of(a->record, OPAQUE_RECORD), &a->birth_pin);
}

#define COLUMNS \
	"uid, name, created_ms, suspended, two_factor, record, birth_pin, " \
	"hides"

static void
take(struct stmt *s, struct account *out)
{
	struct bytes name = bytes_str(stmt_got_text(s, 1));

	memset(out, 0, sizeof *out);
	stmt_got_copy(s, 0, out->uid.b, ID_BYTES);
	memcpy(out->name, name.p,
	    name.n < sizeof out->name ? name.n : sizeof out->name - 1);
	out->created_ms = stmt_got_i64(s, 2);
	out->suspended = stmt_got_u64(s, 3) != 0;
	out->two_factor = (enum account_two_factor)stmt_got_u64(s, 4);
	stmt_got_copy(s, 5, out->record, OPAQUE_RECORD);
	stmt_got_copy(s, 6, out->birth_pin.b, DIGEST_BYTES);
	out->hides = (uint8_t)stmt_got_u64(s, 7);
}

int
account_by_name(struct tx *tx, const char *name, struct account *out,
    bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, found,
		"SELECT " COLUMNS " FROM account WHERE name = ?", "s",
		name) < 0)
		return -1;
	if (*found)
		take(s, out);
	return 0;
}

int
account_by_uid(struct tx *tx, const struct id *uid, struct account *out,
    bool *found, struct err *e)
{
	OWN(stmt_done) struct stmt *s = NULL;

	if (sql_first(tx, e, &s, found,
		"SELECT " COLUMNS " FROM account WHERE uid = ?", "i", uid) < 0)
		return -1;
	if (*found)
		take(s, out);
	return 0;
}

int
account_set_record(struct tx *tx, const struct id *uid, const uint8_t *record,
    const struct digest *birth_pin, struct err *e)
{
	return sql_run(tx, e,
	    "UPDATE account SET record = ?, birth_pin = ? WHERE uid = ?", "bdi",
	    bytes_of(record, OPAQUE_RECORD), birth_pin, uid);
}

int
account_set_two_factor(struct tx *tx, const struct id *uid,
    enum account_two_factor t, struct err *e)
{
	return sql_run(tx, e, "UPDATE account SET two_factor = ? WHERE uid = ?",
	    "ui", (uint64_t)t, uid);
}

int
account_set_hides(
    struct tx *tx, const struct id *uid, uint8_t hides, struct err *e)
{
	return sql_run(tx, e, "UPDATE account SET hides = ? WHERE uid = ?",
	    "ui", (uint64_t)hides, uid);
}
