/* SPDX-License-Identifier: ISC */
/* fido_in.h: what the parts of fido share. For fido*.c only. */
#pragma once

#include "client/fido.h"

#include <fido.h>

/*
 * Open the key at a path; NULL: the only one that is plugged in.
 *
 * errors  security-key-missing, input-missing, security-key-no-pin.
 */
MUST_CHECK int fido_device_open(
    const char *device, fido_dev_t **out, struct err *e);
void fido_device_free(fido_dev_t **dev);

/* A PIN as libfido2 takes it. errors: security-key-pin: it is too long. */
MUST_CHECK int fido_pin_text(
    const struct secret *typed, struct secret **out, struct err *e);
/* Such a PIN, borrowed; NULL for none. */
const char *fido_pin_shown(const struct secret *pin);
/* errors: security-key-pin, with how many tries are left. Always returns -1. */
MUST_CHECK int fido_pin_wrong(fido_dev_t *dev, struct err *e);

/* What libfido2's code means to people. Always returns -1. */
MUST_CHECK int fido_failed(int rc, const char *what, struct err *e);
