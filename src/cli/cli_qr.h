/* SPDX-License-Identifier: ISC */
/* cli_qr.h: a QR code on a terminal. */
#pragma once

#include <stdio.h>

/* Two modules to a character, dark on light, with its quiet zone. Prints nothing
 * of a text that is too long for one. */
void cli_print_qr(FILE *to, const char *text);
