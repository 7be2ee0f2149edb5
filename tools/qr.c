/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/unlock.h"

#include <stdio.h>
#include <stdlib.h>

#include <qrencode.h>

#define QUIET 4 /* modules around it, ISO/IEC 18004 6.3.8 */

/* Colours 16 and 231 of the table of 256: black and white whatever the theme of the terminal. */
#define BLACK_ON_WHITE "\033[38;5;16;48;5;231m"
#define PLAIN          "\033[0m"

static bool dark(const QRcode *qr, int x, int y)
{
	x -= QUIET;
	y -= QUIET;
	return x >= 0 && y >= 0 && x < qr->width && y < qr->width && (qr->data[y * qr->width + x] & 1) != 0;
}

static void draw(const QRcode *qr, FILE *out)
{
	static const char *const halves[] = {" ", "▀", "▄", "█"}; /* upper dark: 1, lower dark: 2 */
	const int size = qr->width + 2 * QUIET;

	for (int y = 0; y < size; y += 2) {
		fputs(BLACK_ON_WHITE, out);
		for (int x = 0; x < size; x++)
			fputs(halves[(dark(qr, x, y) ? 1 : 0) + (dark(qr, x, y + 1) ? 2 : 0)], out);
		fputs(PLAIN "\n", out);
	}
}

char *qr_text(const char *text)
{
	QRcode *qr = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
	char *drawn = NULL;
	size_t len = 0;
	FILE *out = qr != NULL ? open_memstream(&drawn, &len) : NULL;

	if (out != NULL) {
		draw(qr, out);
		if (fclose(out) != 0) {
			free(drawn);
			drawn = NULL;
		}
	}
	QRcode_free(qr);
	return drawn;
}
