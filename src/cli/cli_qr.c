/* SPDX-License-Identifier: ISC */
/* cli_qr.c: a QR code on a terminal. */
#include "cli/cli_qr.h"

#include <qrencode.h>
#include <stdbool.h>

void
cli_print_qr(FILE *to, const char *text)
{
	QRcode *q = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);

	if (q == NULL)
		return;
	for (int y = -2; y < q->width + 2; y += 2) {
		(void)fputs("\033[47m\033[30m", to);
		for (int x = -2; x < q->width + 2; x++) {
			bool up = x >= 0 && x < q->width && y >= 0 &&
			    y < q->width &&
			    (q->data[y * q->width + x] & 1) != 0;
			bool down = x >= 0 && x < q->width && y + 1 >= 0 &&
			    y + 1 < q->width &&
			    (q->data[(y + 1) * q->width + x] & 1) != 0;
			(void)fputs(up && down ? "█"
				: up	       ? "▀"
				: down	       ? "▄"
					       : " ",
			    to);
		}
		(void)fputs("\033[0m\n", to);
	}
	QRcode_free(q);
}
