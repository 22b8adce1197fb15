/* SPDX-License-Identifier: ISC */
/* restore_links.c: which names of a backup are names of one file. */
/*
 * Names belong together only when everything that they must have in common is
 * equal (tree_identity), content included.
 */
#include "backup/restore_in.h"

#include <stdlib.h>
#include <string.h>

static void
grow(struct restore *r)
{
	struct link **old = r->links;
	size_t cap = r->cap_links;

	r->cap_links = cap == 0 ? 64 : 2 * cap;
	r->links = mem_array(r->cap_links, sizeof(struct link *));
	for (size_t i = 0; i < cap; i++)
		while (old[i] != NULL) {
			struct link *l = old[i];
			size_t to = be64(l->key) & (r->cap_links - 1);
			old[i] = l->next;
			l->next = r->links[to];
			r->links[to] = l;
		}
	free(old);
}

struct link *
restore_link(struct restore *r, const struct entry *x, bool *first)
{
	uint8_t key[TREE_IDENTITY];
	struct digest content;

	tree_identity(x, key);
	digest_of(x->content, &content);
	if (r->n_links >= r->cap_links)
		grow(r);
	struct link **at = &r->links[be64(key) & (r->cap_links - 1)];
	for (struct link *l = *at; l != NULL; l = l->next) {
		if (!bytes_equal(bytes_of(l->key, sizeof l->key),
			bytes_of(key, sizeof key)))
			continue;
		/* A secret by its name has other names for its chunks. */
		if (l->category == x->category &&
		    !digest_equal(&l->content, &content))
			continue;
		l->left -= l->left > 0;
		*first = false;
		return l;
	}
	struct link *l = mem_new(sizeof *l);
	memcpy(l->key, key, sizeof l->key);
	l->content = content;
	l->category = x->category;
	l->left = x->nlink - 1;
	l->flags = x->flags;
	l->next = *at;
	*at = l;
	r->n_links++;
	*first = true;
	return l;
}

void
restore_link_at(struct link *link, struct bytes path)
{
	uint8_t *copy = mem_new(path.n + 1);

	memcpy(copy, path.p, path.n);
	free((void *)(uintptr_t)link->path.p);
	link->path = bytes_of(copy, path.n);
}

void
restore_links_done(struct restore *r, bool all)
{
	for (size_t i = 0; i < r->cap_links; i++) {
		struct link **at = &r->links[i];
		while (*at != NULL) {
			struct link *l = *at;
			if (!all && l->left > 0) {
				at = &l->next;
				continue;
			}
			if (l->state == LINK_DONE && l->flags != 0)
				place_flags(r->place, l->path,
				    &(struct entry){ .flags = l->flags });
			*at = l->next;
			free((void *)(uintptr_t)l->path.p);
			free(l);
			r->n_links--;
		}
	}
}
