/* SPDX-License-Identifier: ISC */
/* own.h: ownership written at the declaration, and must-check results. */
#pragma once

/*
 * OWN(fn) runs fn(&var) when var leaves scope.  fn takes the address of what
 * it destroys, accepts the empty value and leaves it empty.
 */
#define OWN(fn) __attribute__((cleanup(fn)))

/* TAKE(p) hands the pointer on and leaves NULL, so OWN has nothing to do. */
#define TAKE(p) \
	(__extension__({ \
		__typeof__(p) take_ = (p); \
		(p) = NULL; \
		take_; \
	}))

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
