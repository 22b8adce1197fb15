/* SPDX-License-Identifier: ISC */
/* mail_people.c: whom the account writes with, and in which conversation. */
#include "mail/mail_in.h"

#include <stdlib.h>
#include <string.h>

static const char *
host_of(const struct person *p)
{
	const char *at = strrchr(p->address, '@');

	return at != NULL ? at + 1 : "";
}

struct id
mail_conversation(const struct mail *m, const struct person *p)
{
	const struct letter_party own = { m->self->uid, m->self->host };
	const struct letter_party other = { p->uid, host_of(p) };

	return letter_conversation(&own, &other);
}

bool
mail_was_reset(const struct mail *m)
{
	return m->self->circle.reset_seq > 0;
}

const struct id *
mail_own(const struct mail *m)
{
	return &m->self->uid;
}

const struct people_look *
mail_found(const struct mail *m, size_t i)
{
	return i < m->n_looks ? &m->looks[i].list[0] : NULL;
}

bool
mail_is_own(const struct mail *m, const struct id *uid)
{
	return id_equal(&m->self->uid, uid);
}

const struct person *
mail_person(const struct mail *m, const struct id *uid)
{
	for (size_t i = 0; i < m->people.n; i++)
		if (id_equal(&m->people.list[i].uid, uid))
			return &m->people.list[i];
	return NULL;
}

const struct person *
mail_with(const struct mail *m, const struct id *conv)
{
	for (size_t i = 0; i < m->people.n; i++)
		if (id_equal(&m->convs[i], conv))
			return &m->people.list[i];
	return NULL;
}

int
mail_load_people(struct mail *m, struct err *e)
{
	m->stale = false;
	people_free(&m->people);
	if (people_all(m->self, &m->people, e) < 0)
		return -1;
	m->convs = mem_resize(m->convs, m->people.n + 1, sizeof *m->convs);
	for (size_t i = 0; i < m->people.n; i++)
		m->convs[i] = mail_conversation(m, &m->people.list[i]);
	return 0;
}
