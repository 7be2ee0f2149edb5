/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ukey-emu: a token without hardware.
 *
 *	main thread:    signals, control socket     --plug, unplug, instruments-->  link, token, hal
 *	token's thread: link (vpcd)  <->  token  <->  firmware core  <->  hal (OpenSSL, flash file)
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "firmware-emu/control.h"
#include "firmware-emu/factory/factory.h"
#include "firmware-emu/link/usb_device.h"

#define EXIT_USAGE 2

static const char usage[] =
	"Usage: ukey-emu --flash FILE [OPTION]...\n"
	"       ukey-emu ctl SOCKET COMMAND...\n"
	"       ukey-emu factory init [OPTION]... DIR\n"
	"       ukey-emu personalize --factory DIR --master URI --key-version N [OPTION]... FILE...\n"
	"Emulate an OpenUKey token, plugged into pcscd's virtual reader (vpcd).\n"
	"\n"
	"      --flash FILE       the file that is the token's flash: all it keeps, private keys too\n"
	"      --create           make FILE, a blank token, when it is not there\n"
	"      --size BYTES       flash size of a new token [1048576]; k and M may follow\n"
	"      --serial HEX       serial number of a new token, 16 digits [random]\n"
	"      --sync             write through to the disk after every flash operation\n"
	"      --link LINK        how the token is reached: vpcd, pcscd's virtual reader; usbip, a USB device that\n"
	"                         \"usbip attach\" fetches; vhci, a USB device in this machine's kernel [vpcd]\n"
	"      --host HOST        where vpcd listens, or usbip is to listen [127.0.0.1]\n"
	"      --port PORT        and its port; vpcd: 35963 for the first slot, 35964 for the second; vhci: the\n"
	"                         controller's port [35963; 3240; 0]\n"
	"      --usb-id ID        vendor and product of the USB device, as in 1209:0001 [1209:0001]\n"
	"      --usb-message N    its longest CCID message, 271 to 65554 bytes [65554]\n"
	"      --unplugged        start outside the reader; \"ctl plug\" puts it in\n"
	"      --piv-only         be a card that has PIV and nothing of OpenUKey, to test programs with\n"
	"      --latency PROFILE  none, or chip: as slow as a smart card (an imitation) [none]\n"
	"      --touch MODE       the button: auto presses itself, never waits for \"ctl touch press\" [auto]\n"
	"      --control SOCKET   listen for commands there\n"
	"      --log PATH         log every byte of the wire, PINs too; - for standard error\n"
	"      --pid-file FILE    write the process id there, and remove it at the end\n"
	"      --ready-fd N       write a line to descriptor N and close it, once all is set up\n"
	"      --help, --version\n"
	"\n"
	"ctl sends COMMAND to a running emulator and prints its answer, a line of JSON; \"ctl SOCKET help\" lists "
	"them.\n"
	"factory makes what gives tokens their keys and certificates, and personalize does it; both have a --help.\n";

struct options {
	struct hal_options hal;
	uint8_t serial[8];
	const struct link_ops *link;
	const char *host, *port;
	uint16_t usb_vendor, usb_product; /* 0: the default */
	size_t usb_message_max;
	bool unplugged, piv_only;
	const struct latency *latency;
	enum hal_touch_mode touch;
	const char *control, *log, *pid_file;
	int ready_fd; /* -1: none */
};

static void complain(const char *what)
{
	fprintf(stderr, "ukey-emu: %s\n", what);
}

static bool parse_size(const char *text, uint32_t *out)
{
	char digits[16];
	size_t n = strlen(text);
	uint64_t value, unit = 1;

	if (n > 0 && (text[n - 1] == 'k' || text[n - 1] == 'M'))
		unit = text[--n] == 'k' ? 1024 : 1024 * 1024;
	if (n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (!command_number(digits, &value) || value == 0 || value > UINT32_MAX / unit)
		return false;
	*out = (uint32_t)(value * unit);
	return true;
}

static bool parse_serial(const char *text, uint8_t serial[8])
{
	static const char digits[] = "0123456789ABCDEFabcdef";

	if (strlen(text) != 16 || strspn(text, digits) != 16)
		return false;
	for (size_t i = 0; i < 8; i++) {
		char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
		serial[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return true;
}

static bool parse_usb_id(const char *text, uint16_t *vendor, uint16_t *product)
{
	static const char digits[] = "0123456789ABCDEFabcdef";

	if (strlen(text) != 9 || strspn(text, digits) != 4 || text[4] != ':' || strspn(text + 5, digits) != 4)
		return false;
	*vendor = (uint16_t)strtoul(text, NULL, 16);
	*product = (uint16_t)strtoul(text + 5, NULL, 16);
	return *vendor != 0;
}

static bool parse_message_max(const char *text, size_t *out)
{
	uint64_t n;

	if (!command_number(text, &n) || n < CCID_MESSAGE_LEAST || n > CCID_MESSAGE_MAX)
		return false;
	*out = (size_t)n;
	return true;
}

static bool find_link(const char *name, const struct link_ops **out)
{
	static const struct link_ops *const links[] = {&link_vpcd, &link_usbip, &link_vhci};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (strcmp(links[i]->name, name) == 0) {
			*out = links[i];
			return true;
		}
	}
	return false;
}

static bool parse_fd(const char *text, int *out)
{
	uint64_t n;

	if (!command_number(text, &n) || n > 65535 || fcntl((int)n, F_GETFD) < 0)
		return false;
	*out = (int)n;
	return true;
}

enum option_code {
	OPT_FLASH = 256,
	OPT_CREATE,
	OPT_SIZE,
	OPT_SERIAL,
	OPT_SYNC,
	OPT_LINK,
	OPT_HOST,
	OPT_PORT,
	OPT_USB_ID,
	OPT_USB_MESSAGE,
	OPT_UNPLUGGED,
	OPT_PIV_ONLY,
	OPT_LATENCY,
	OPT_TOUCH,
	OPT_CONTROL,
	OPT_LOG,
	OPT_PID_FILE,
	OPT_READY_FD,
	OPT_HELP,
	OPT_VERSION,
};

static const char *const refusals[] = {
	[OPT_SIZE - OPT_FLASH] = "--size takes bytes, as in 1048576, 1024k or 1M",
	[OPT_SERIAL - OPT_FLASH] = "--serial takes 16 hexadecimal digits",
	[OPT_LINK - OPT_FLASH] = "--link takes vpcd, usbip or vhci",
	[OPT_USB_ID - OPT_FLASH] = "--usb-id takes vendor and product, as in 1209:0001",
	[OPT_USB_MESSAGE - OPT_FLASH] = "--usb-message takes 271 to 65554",
	[OPT_LATENCY - OPT_FLASH] = "--latency takes none or chip",
	[OPT_TOUCH - OPT_FLASH] = "--touch takes auto or never",
	[OPT_READY_FD - OPT_FLASH] = "--ready-fd takes the number of an open descriptor",
};

/* One option; false when its value is wrong. */
static bool take_option(struct options *o, int option)
{
	switch (option) {
	case OPT_FLASH:
		o->hal.flash = optarg;
		return true;
	case OPT_CREATE:
		o->hal.create = true;
		return true;
	case OPT_SIZE:
		return parse_size(optarg, &o->hal.size);
	case OPT_SERIAL:
		o->hal.serial = o->serial;
		return parse_serial(optarg, o->serial);
	case OPT_SYNC:
		o->hal.sync = true;
		return true;
	case OPT_LINK:
		return find_link(optarg, &o->link);
	case OPT_HOST:
		o->host = optarg;
		return true;
	case OPT_PORT:
		o->port = optarg;
		return true;
	case OPT_USB_ID:
		return parse_usb_id(optarg, &o->usb_vendor, &o->usb_product);
	case OPT_USB_MESSAGE:
		return parse_message_max(optarg, &o->usb_message_max);
	case OPT_UNPLUGGED:
		o->unplugged = true;
		return true;
	case OPT_PIV_ONLY:
		o->piv_only = true;
		return true;
	case OPT_LATENCY:
		return (o->latency = latency_find(optarg)) != NULL;
	case OPT_TOUCH:
		o->touch = strcmp(optarg, "auto") == 0 ? HAL_TOUCH_AUTO : HAL_TOUCH_NEVER;
		return o->touch == HAL_TOUCH_AUTO || strcmp(optarg, "never") == 0;
	case OPT_CONTROL:
		o->control = optarg;
		return true;
	case OPT_LOG:
		o->log = optarg;
		return true;
	case OPT_PID_FILE:
		o->pid_file = optarg;
		return true;
	case OPT_READY_FD:
		return parse_fd(optarg, &o->ready_fd);
	default:
		return false;
	}
}

static const struct option long_options[] = {
	{"flash",            required_argument, NULL, OPT_FLASH},
	{"create",              no_argument, NULL, OPT_CREATE},
	{"size",		  required_argument, NULL, OPT_SIZE},
	{"serial",required_argument, NULL, OPT_SERIAL},
	{"sync",        no_argument, NULL, OPT_SYNC},
	{"link",             required_argument, NULL, OPT_LINK},
	{"host",              required_argument, NULL, OPT_HOST},
	{"port",		  required_argument, NULL, OPT_PORT},
	{"usb-id",        required_argument, NULL, OPT_USB_ID},
	{"usb-message",        required_argument, NULL, OPT_USB_MESSAGE},
	{"unplugged",             no_argument, NULL, OPT_UNPLUGGED},
	{"piv-only",              no_argument, NULL, OPT_PIV_ONLY},
	{"latency",                  required_argument, NULL, OPT_LATENCY},
	{"touch",required_argument, NULL, OPT_TOUCH},
	{"control",          required_argument, NULL, OPT_CONTROL},
	{"log",             required_argument, NULL, OPT_LOG},
	{"pid-file",              required_argument, NULL, OPT_PID_FILE},
	{"ready-fd",                  required_argument, NULL, OPT_READY_FD},
	{"help",no_argument, NULL, OPT_HELP},
	{"version",          no_argument, NULL, OPT_VERSION},
	{0	  },
};

/* -1: go on; else the exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == OPT_HELP) {
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		}
		if (option == OPT_VERSION) {
			puts("ukey-emu (OpenUKey) " PACKAGE_VERSION);
			return EXIT_SUCCESS;
		}
		if (option == '?') {
			complain("--help lists the options");
			return EXIT_USAGE;
		}
		if (!take_option(o, option)) {
			complain(refusals[option - OPT_FLASH]);
			return EXIT_USAGE;
		}
	}
	if (optind < argc || !o->hal.flash) {
		complain(o->hal.flash ? "too many words; --help" : "which token? --flash FILE says it; --help");
		return EXIT_USAGE;
	}
	return -1;
}

static bool write_pid(const char *path)
{
	FILE *f = fopen(path, "we");
	bool ok = f && fprintf(f, "%ld\n", (long)getpid()) > 0;

	if (f)
		ok = fclose(f) == 0 && ok;
	if (!ok)
		fprintf(stderr, "ukey-emu: %s: cannot write the process id: %s\n", path, strerror(errno));
	return ok;
}

/* A descriptor that can be read when it is time to end. All threads started later have these signals blocked too. */
static int end_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void *token_thread(void *link)
{
	((struct link *)link)->ops->run(link);
	return NULL;
}

/* Everything is set up: serve until told to stop. */
static bool serve(const struct options *o, struct bench *bench, int listener, int signals)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, token_thread, bench->link) != 0) {
		complain("cannot start a thread");
		return false;
	}
	if (o->ready_fd >= 0) {
		(void)!write(o->ready_fd, "ready\n", 6);
		close(o->ready_fd);
	}
	control_serve(bench, listener, signals);
	bench->link->ops->stop(bench->link);
	pthread_join(thread, NULL);
	return true;
}

static void serial_text(struct hal *hal, char text[17])
{
	uint8_t serial[8];

	hal_serial(hal, serial);
	for (size_t i = 0; i < sizeof(serial); i++)
		snprintf(text + 2 * i, 3, "%02X", serial[i]);
}

static int run(const struct options *o)
{
	char error[512] = "out of memory", serial[17];
	struct bench bench = {0};
	int status = EXIT_FAILURE, listener = -1;
	int signals = end_signals();
	bool pid_written = false;

	bench.hal = hal_open(&o->hal, error, sizeof(error));
	if (!bench.hal)
		goto failed;
	hal_latency_set(bench.hal, o->latency);
	hal_touch_set(bench.hal, o->touch);
	bench.token = token_new(bench.hal);
	if (!bench.token)
		goto failed;
	if (o->piv_only)
		token_card_set(bench.token, FW_CARD_PIV);
	if (o->log && !token_log_on(bench.token, strcmp(o->log, "-") == 0 ? NULL : o->log)) {
		snprintf(error, sizeof(error), "%s: %s", o->log, strerror(errno));
		goto failed;
	}
	serial_text(bench.hal, serial);
	struct link_options link = {
		.token = token_for_link(bench.token),
		.host = o->host,
		.port = o->port,
		.plugged = !o->unplugged,
		.usb_vendor = o->usb_vendor,
		.usb_product = o->usb_product,
		.usb_message_max = o->usb_message_max,
		.serial = serial,
	};
	bench.link = o->link->open(&link, error, sizeof(error));
	if (!bench.link)
		goto failed;
	if (o->control && (listener = control_listen(o->control, error, sizeof(error))) < 0)
		goto failed;
	if (o->pid_file && !(pid_written = write_pid(o->pid_file)))
		goto out;
	status = serve(o, &bench, listener, signals) ? EXIT_SUCCESS : EXIT_FAILURE;
	goto out;
failed:
	complain(error);
out:
	if (pid_written)
		unlink(o->pid_file);
	if (listener >= 0) {
		unlink(o->control);
		close(listener);
	}
	if (bench.link)
		bench.link->ops->close(bench.link);
	token_free(bench.token);
	hal_close(bench.hal);
	close(signals);
	return status;
}

int main(int argc, char **argv)
{
	const struct rlimit no_core = {0, 0};
	struct options o = {
		.link = &link_vpcd,
		.host = "127.0.0.1",
		.latency = &latency_none,
		.touch = HAL_TOUCH_AUTO,
		.ready_fd = -1,
	};

	if (argc > 1 && strcmp(argv[1], "ctl") == 0) {
		if (argc > 3)
			return control_ask(argv[2], argc - 3, argv + 3);
		complain("usage: ukey-emu ctl SOCKET COMMAND...");
		return EXIT_USAGE;
	}
	/* PINs and keys pass through this process. */
	(void)setrlimit(RLIMIT_CORE, &no_core);
	if (argc > 1 && strcmp(argv[1], "factory") == 0)
		return factory_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "personalize") == 0)
		return personalize_main(argc - 1, argv + 1);
	int status = parse_options(argc, argv, &o);
	if (status >= 0)
		return status;
	return run(&o);
}
