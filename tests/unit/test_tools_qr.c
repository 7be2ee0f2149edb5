/* SPDX-License-Identifier: Apache-2.0 */
/* tools/qr.c: what the terminal shows is a QR code, which another program (zbar) reads. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zbar.h>

#include "tools/unlock.h"

#define CHALLENGE "040G4-0R40M-30E20-00PGT-58X4M-PKAFA-0GSYM" /* doc/token-protocol.md 5.6 */
#define BEGIN     "\033[38;5;16;48;5;231m"
#define END       "\033[0m"
#define SCALE     4u
#define MOST      80u

/* The drawing as a terminal shows it: two rows of points for a line of text; 0 black, 255 white. */
struct picture {
	unsigned width, height;
	uint8_t points[2 * MOST][MOST];
};

static void take_line(const char *line, size_t len, struct picture *p)
{
	static const struct {
		const char *text;
		uint8_t upper, lower;
	} halves[] = {
		{"▀", 0,   255},
		{"▄", 255, 0  },
		{"█", 0,   0  },
		{" ",   255, 255},
	};
	unsigned x = 0;

	assert_true(len > strlen(BEGIN END) && strncmp(line, BEGIN, strlen(BEGIN)) == 0);
	assert_true(strncmp(line + len - strlen(END), END, strlen(END)) == 0);
	line += strlen(BEGIN);
	len -= strlen(BEGIN END);
	while (len > 0) {
		size_t h = 0;
		while (strncmp(line, halves[h].text, strlen(halves[h].text)) != 0)
			assert_true(++h < sizeof halves / sizeof halves[0]);
		assert_in_range(x, 0, MOST - 1);
		p->points[p->height][x] = halves[h].upper;
		p->points[p->height + 1][x++] = halves[h].lower;
		line += strlen(halves[h].text);
		len -= strlen(halves[h].text);
	}
	if (p->height > 0)
		assert_int_equal(x, p->width);
	p->width = x;
	p->height += 2;
}

static void see(const char *drawn, struct picture *p)
{
	const char *end;

	memset(p, 0, sizeof *p);
	while ((end = strchr(drawn, '\n')) != NULL) {
		assert_in_range(p->height, 0, 2 * MOST - 2);
		take_line(drawn, (size_t)(end - drawn), p);
		drawn = end + 1;
	}
	assert_int_equal(*drawn, '\0');
}

static void read_back(const struct picture *p, char *out, size_t cap)
{
	const size_t size = (size_t)p->width * SCALE * p->height * SCALE;
	uint8_t *grey = malloc(size);
	zbar_image_scanner_t *scanner = zbar_image_scanner_create();
	zbar_image_t *image = zbar_image_create();

	assert_true(grey && scanner && image);
	for (size_t y = 0; y < p->height * SCALE; y++)
		for (size_t x = 0; x < p->width * SCALE; x++)
			grey[y * p->width * SCALE + x] = p->points[y / SCALE][x / SCALE];
	zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
	zbar_image_set_size(image, p->width * SCALE, p->height * SCALE);
	zbar_image_set_data(image, grey, size, NULL);
	assert_int_equal(zbar_scan_image(scanner, image), 1);
	const zbar_symbol_t *symbol = zbar_image_first_symbol(image);
	assert_int_equal(zbar_symbol_get_type(symbol), ZBAR_QRCODE);
	snprintf(out, cap, "%s", zbar_symbol_get_data(symbol));
	zbar_image_destroy(image);
	zbar_image_scanner_destroy(scanner);
	free(grey);
}

static void the_challenge_is_read_back(void **state)
{
	char *drawn = qr_text(CHALLENGE), read[256];
	struct picture p;

	(void)state;
	assert_non_null(drawn);
	see(drawn, &p);
	/* fits beside the text in a terminal of 80 by 24 */
	assert_in_range(p.width, 21 + 8, 80);
	assert_in_range(p.height / 2, 15, 22);
	read_back(&p, read, sizeof read);
	assert_string_equal(read, CHALLENGE);
	free(drawn);
}

static void a_quiet_zone_is_around_it(void **state)
{
	char *drawn = qr_text(CHALLENGE);
	struct picture p;

	(void)state;
	assert_non_null(drawn);
	see(drawn, &p);
	for (unsigned y = 0; y < p.height; y++)
		for (unsigned x = 0; x < p.width; x++)
			if (y < 4 || x < 4 || y + 4 >= p.width || x + 4 >= p.width)
				assert_int_equal(p.points[y][x], 255);
	free(drawn);
}

static void what_does_not_fit_is_not_drawn(void **state)
{
	char *text = malloc(5000);

	(void)state;
	assert_non_null(text);
	memset(text, 'A', 4999);
	text[4999] = '\0';
	assert_null(qr_text(text));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_challenge_is_read_back),
		cmocka_unit_test(a_quiet_zone_is_around_it),
		cmocka_unit_test(what_does_not_fit_is_not_drawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
