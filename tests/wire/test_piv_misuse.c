/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PIV application asked wrongly: wrong tags, lengths, orders, chains, references. Each misuse has a name, the
 * status word that it gets (SP 800-73-4 part 2, ISO 7816-4; protocol 9), and leaves objects, keys, codes and the PIN's
 * state as they were. (PIV, shows.)
 */
#include <stdlib.h>
#include <string.h>

#include "firmware-emu/core/config.h"
#include "tests/wire/piv.h"

#define ALL      (PIV_FLAGS | PIV_YUBICO)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
/* 32 bytes, 48 bytes */
#define ONES_32  "1111111111111111111111111111111111111111111111111111111111111111"
#define ONES_48  ONES_32 "11111111111111111111111111111111"
#define NO_POINT "04" ONES_32 ONES_32
/* the generator of P-256 */
#define POINT                                                                                                          \
	"046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"                                           \
	"4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5"

struct misuse {
	const char *name;
	struct piv_step steps[PIV_STEPS];
};

/* clang-format off */

/* ---- classes, lengths, instructions: what no application answers ---- */

static const struct misuse any_command[] = {
	{"a class that ISO reserves", {{"20CB3FFF055C035FC102", SW_CLA_NOT_SUPPORTED}}},
	{"class FF", {{"FFCB3FFF055C035FC102", SW_CLA_NOT_SUPPORTED}}},
	{"a channel that nobody opened", {{"01CB3FFF055C035FC102", SW_CHANNEL_NOT_SUPPORTED}}},
	{"secure messaging without a session", {{"0CCB3FFF055C035FC102", SW_SM_NOT_SUPPORTED}}},
	{"secure messaging in a chain without a session", {{"1CDB3FFF055C035FC102", SW_SM_NOT_SUPPORTED}}},
	{"a command of our own application", {{"80E4000000", SW_INS_NOT_SUPPORTED}}},
	{"GET CHALLENGE, which is our own's", {{"0084000008", SW_INS_NOT_SUPPORTED}}},
	{"READ BINARY: there are no files", {{"00B0000000", SW_INS_NOT_SUPPORTED}}},
	{"GET DATA by the even instruction", {{"00CA3FFF055C035FC102", SW_INS_NOT_SUPPORTED}}},
	{"PUT DATA by the even instruction", {{"00DA3FFF085C035FC10A530101", SW_INS_NOT_SUPPORTED}}},
	{"VERIFY with data objects", {{"0021008008" PIN_246813, SW_INS_NOT_SUPPORTED}}},
	{"INTERNAL AUTHENTICATE of ISO", {{"0088119A0401020304", SW_INS_NOT_SUPPORTED}}},
	{"MOVE KEY, which came after 5.4", {{"00F6829A", SW_INS_NOT_SUPPORTED}}},
	{"three bytes", {{"00CB3F", SW_WRONG_LENGTH}}},
	{"Lc longer than the data", {{"00CB3FFF065C035FC102", SW_WRONG_LENGTH}}},
	{"Lc shorter than the data", {{"00CB3FFF045C035FC10200", SW_WRONG_LENGTH}}},
	{"extended Lc of zero", {{"00CB3FFF000000055C", SW_WRONG_LENGTH}}},
};

/* ---- SELECT ---- */

static const struct misuse select[] = {
	{"SELECT without a name", {{"00A40400", SW_WRONG_LENGTH}}},
	{"SELECT by part of the provider's name", {{"00A4040004A0000003", SW_NOT_FOUND}}},
	{"SELECT by a name with more behind it", {{"00A404000CA00000030800001000010000", SW_NOT_FOUND}}},
	{"SELECT of another version", {{"00A404000BA000000308000010000200", SW_NOT_FOUND}}},
	{"SELECT of another application of the provider", {{"00A4040009A00000030800002000", SW_NOT_FOUND}}},
	{"SELECT by file identifier", {{"00A40000023F00", SW_WRONG_P1P2}}},
	{"SELECT of the next one", {{"00A4040205A000000308", SW_WRONG_P1P2}}},
	{"SELECT without an answer, as for files", {{"00A4040C05A000000308", SW_WRONG_P1P2}}},
};

/* ---- GET DATA ---- */

static const struct misuse get_data[] = {
	{"GET DATA without a tag list", {{"00CB3FFF", SW_WRONG_LENGTH}}},
	{"GET DATA from another file", {{"00CB3F00055C035FC10200", SW_WRONG_P1P2}}},
	{"GET DATA by P1 P2", {{"00CB5FC1055C035FC10200", SW_WRONG_P1P2}}},
	{"GET DATA: 5D for 5C", {{"00CB3FFF055D035FC10200", SW_WRONG_DATA}}},
	{"GET DATA: an empty tag list", {{"00CB3FFF025C0000", SW_WRONG_DATA}}},
	{"GET DATA: two tags at once", {{"00CB3FFF085C065FC1025FC10500", SW_WRONG_DATA}}},
	{"GET DATA: a tag of four bytes", {{"00CB3FFF065C045F81C10200", SW_WRONG_DATA}}},
	{"GET DATA: a tag list longer than the data", {{"00CB3FFF055C045FC10200", SW_WRONG_DATA}}},
	{"GET DATA: a tag list shorter than the data", {{"00CB3FFF055C025FC10200", SW_WRONG_DATA}}},
	{"GET DATA: a length of two bytes where one does", {{"00CB3FFF065C81035FC10200", SW_WRONG_DATA}}},
	{"GET DATA: an object that does not exist", {{"00CB3FFF055C035FC10400", SW_NOT_FOUND}}},
	{"GET DATA: a tag beside the last one", {{"00CB3FFF055C035FC12400", SW_NOT_FOUND}}},
	{"GET DATA: discovery with zeros before its tag", {{"00CB3FFF045C02007E00", SW_NOT_FOUND}}},
	{"GET DATA: the attestation certificate of a token that has none", {{"00CB3FFF055C035FFF0100", SW_NOT_FOUND}}},
	{"GET DATA: the object identifier of our own application", {{"00CB3FFF045C02000200", SW_NOT_FOUND}}},
};

/* ---- PUT DATA ---- */

static const struct misuse put_data[] = {
	{"PUT DATA without data", {{"00DB3FFF", SW_WRONG_LENGTH}}},
	{"PUT DATA to another file", {{"00DB3F00085C035FC10A530101", SW_WRONG_P1P2}}},
	{"PUT DATA: a name and no value", {{"00DB3FFF055C035FC105", SW_WRONG_DATA}}},
	{"PUT DATA: a value and no name", {{"00DB3FFF03530101", SW_WRONG_DATA}}},
	{"PUT DATA: the value before the name", {{"00DB3FFF085301015C035FC105", SW_WRONG_DATA}}},
	{"PUT DATA: 54 for 53", {{"00DB3FFF085C035FC105540101", SW_WRONG_DATA}}},
	{"PUT DATA: two values", {{"00DB3FFF0B5C035FC105530101530102", SW_WRONG_DATA}}},
	{"PUT DATA: bytes behind the value", {{"00DB3FFF095C035FC10553010100", SW_WRONG_DATA}}},
	{"PUT DATA: 53 longer than what is there", {{"00DB3FFF085C035FC105530201", SW_WRONG_DATA}}},
	{"PUT DATA: 53 of indefinite length", {{"00DB3FFF0A5C035FC1055380010000", SW_WRONG_DATA}}},
	{"PUT DATA: a length in two bytes where one does", {{"00DB3FFF095C035FC10553810101", SW_WRONG_DATA}}},
	{"PUT DATA: a length of four gigabytes", {{"00DB3FFF0B5C035FC1055384FFFFFFFF", SW_WRONG_DATA}}},
	{"PUT DATA: a length of five bytes", {{"00DB3FFF0C5C035FC105538500000000"  "01", SW_WRONG_DATA}}},
	{"PUT DATA: an object that does not exist", {{"00DB3FFF085C035FC104530101", SW_FUNCTION_NOT_SUPPORTED}}},
	{"PUT DATA: the attestation certificate", {{"00DB3FFF085C035FFF01530101", SW_FUNCTION_NOT_SUPPORTED}}},
	{"PUT DATA: discovery under a tag list", {{"00DB3FFF065C017E530101", SW_WRONG_DATA}}},
	{"PUT DATA: discovery that promises a global PIN",
		{{"00DB3FFF147E124F0BA0000003080000100001005F2F026010", SW_WRONG_DATA}}},
	{"PUT DATA: discovery emptied", {{"00DB3FFF027E00", SW_WRONG_DATA}}},
	{"PUT DATA: the BIT group template under a tag list", {{"00DB3FFF075C027F61530101", SW_WRONG_DATA}}},
	{"PUT DATA: two objects that bring their own tags", {{"00DB3FFF087F61017F7F61017F", SW_WRONG_DATA}}},
};

/* ---- VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER ---- */

static const struct misuse codes[] = {
	{"VERIFY of the global PIN, which discovery does not promise", {{"0020000008" PIN_246813, SW_REFERENCE_NOT_FOUND}}},
	{"VERIFY of the PUK", {{"0020008108" PUK_OURS, SW_REFERENCE_NOT_FOUND}}},
	{"VERIFY of the management key", {{"0020009B08" PIN_246813, SW_REFERENCE_NOT_FOUND}}},
	{"VERIFY of a finger", {{"0020009603010203", SW_REFERENCE_NOT_FOUND}}},
	{"VERIFY of the other finger", {{"0020009703010203", SW_REFERENCE_NOT_FOUND}}},
	{"VERIFY of the pairing code", {{"00200098083132333435363738", SW_REFERENCE_NOT_FOUND}}},
	{"VERIFY with P1 01", {{"0020018008" PIN_246813, SW_WRONG_P1P2}}},
	{"VERIFY with P1 FE", {{"0020FE8008" PIN_246813, SW_WRONG_P1P2}}},
	{"VERIFY of seven bytes", {{"0020008007323436383133FF", SW_WRONG_DATA}}},
	{"VERIFY of nine bytes", {{"0020008009" PIN_246813 "FF", SW_WRONG_DATA}}},
	{"VERIFY of the bare digits", {{"0020008006323436383133", SW_WRONG_DATA}}},
	{"log-out of the PUK", {{"0020FF81", SW_REFERENCE_NOT_FOUND}}},
	{"log-out of the global PIN", {{"0020FF00", SW_REFERENCE_NOT_FOUND}}},
	{"log-out with a PIN", {{"0020FF8008" PIN_246813, SW_WRONG_LENGTH}}},
	{"CHANGE REFERENCE DATA without data", {{"00240080", SW_WRONG_LENGTH}}},
	{"CHANGE REFERENCE DATA with the old one only", {{"0024008008" PIN_246813, SW_WRONG_DATA}}},
	{"CHANGE REFERENCE DATA a byte short", {{"002400800F" PIN_246813 "393938383737FF", SW_WRONG_DATA}}},
	{"CHANGE REFERENCE DATA a byte long", {{"0024008011" PIN_246813 PIN_998877 "FF", SW_WRONG_DATA}}},
	{"CHANGE REFERENCE DATA of the global PIN", {{"0024000010" PIN_246813 PIN_998877, SW_REFERENCE_NOT_FOUND}}},
	{"CHANGE REFERENCE DATA of the management key", {{"0024009B10" PIN_246813 PIN_998877, SW_REFERENCE_NOT_FOUND}}},
	{"CHANGE REFERENCE DATA of a finger", {{"0024009610" PIN_246813 PIN_998877, SW_REFERENCE_NOT_FOUND}}},
	{"CHANGE REFERENCE DATA without the old one (P1 01)", {{"0024018008" PIN_998877, SW_WRONG_P1P2}}},
	{"CHANGE REFERENCE DATA to five digits", {{"0024008010" PIN_246813 "3939383837FFFFFF", SW_WRONG_DATA}}},
	{"CHANGE REFERENCE DATA to a PIN with a letter", {{"0024008010" PIN_246813 "393938383741FFFF", SW_WRONG_DATA}}},
	{"CHANGE REFERENCE DATA to a PIN with a hole", {{"0024008010" PIN_246813 "39393838FF37FFFF", SW_WRONG_DATA}}},
	{"CHANGE REFERENCE DATA to padding alone", {{"0024008010" PIN_246813 "FFFFFFFFFFFFFFFF", SW_WRONG_DATA}}},
	{"CHANGE REFERENCE DATA to a PUK of five bytes", {{"0024008110" PUK_OURS "3131313131FFFFFF", SW_WRONG_DATA}}},
	{"RESET RETRY COUNTER without data", {{"002C0080", SW_WRONG_LENGTH}}},
	{"RESET RETRY COUNTER with the PUK only", {{"002C008008" PUK_OURS, SW_WRONG_DATA}}},
	{"RESET RETRY COUNTER of the PUK", {{"002C008110" PUK_OURS PIN_998877, SW_REFERENCE_NOT_FOUND}}},
	{"RESET RETRY COUNTER of the global PIN", {{"002C000010" PUK_OURS PIN_998877, SW_REFERENCE_NOT_FOUND}}},
	{"RESET RETRY COUNTER without a new PIN (P1 01)", {{"002C018008" PUK_OURS, SW_WRONG_P1P2}}},
	{"RESET RETRY COUNTER as the administrator (P1 02)", {{"002C028008" PIN_998877, SW_WRONG_P1P2}}},
	{"RESET RETRY COUNTER to a PIN that is none", {{"002C008010" PUK_OURS "393938383741FFFF", SW_WRONG_DATA}}},
};

/* ---- GENERATE ASYMMETRIC KEY PAIR ---- */

static const struct misuse generate[] = {
	{"GENERATE without data", {{"0047009A", SW_WRONG_LENGTH}}},
	{"GENERATE with P1 01", {{"0047019A05AC03800111", SW_WRONG_P1P2}}},
	{"GENERATE in 9B", {{"0047009B05AC03800111", SW_WRONG_P1P2}}},
	{"GENERATE in 98", {{"0047009805AC03800111", SW_WRONG_P1P2}}},
	{"GENERATE in 81", {{"0047008105AC03800111", SW_WRONG_P1P2}}},
	{"GENERATE in 96", {{"0047009605AC03800111", SW_WRONG_P1P2}}},
	{"GENERATE in F9", {{"004700F905AC03800111", SW_WRONG_P1P2}}},
	{"GENERATE of the secure messaging key", {{"0047000405AC03800127", SW_WRONG_P1P2}}},
	{"GENERATE: AD for AC", {{"0047009A05AD03800111", SW_WRONG_DATA}}},
	{"GENERATE: an empty template", {{"0047009A02AC00", SW_WRONG_DATA}}},
	{"GENERATE: bytes behind the template", {{"0047009A06AC0380011100", SW_WRONG_DATA}}},
	{"GENERATE: a template longer than the data", {{"0047009A05AC04800111", SW_WRONG_DATA}}},
	{"GENERATE: no mechanism", {{"0047009A05AC03810111", SW_WRONG_DATA}}},
	{"GENERATE: the mechanism twice", {{"0047009A08AC06800111800111", SW_WRONG_DATA}}},
	{"GENERATE: a mechanism of two bytes", {{"0047009A06AC0480021111", SW_WRONG_DATA}}},
	{"GENERATE: a mechanism of nobody", {{"0047009A05AC03800199", SW_WRONG_DATA}}},
	{"GENERATE of RSA-1024", {{"0047009A05AC03800106", SW_WRONG_DATA}}},
	{"GENERATE of P-521, which PIV does not have", {{"0047009A05AC03800115", SW_WRONG_DATA}}},
	{"GENERATE of Ed25519", {{"0047009A05AC038001E0", SW_WRONG_DATA}}},
	{"GENERATE of a symmetric key", {{"0047009E05AC03800103", SW_WRONG_DATA}}},
	{"GENERATE with another exponent", {{"0047009A0AAC08800107810300FFFF", SW_WRONG_DATA}}},
	{"GENERATE of an EC key with an exponent", {{"0047009A0AAC088001118103010001", SW_WRONG_DATA}}},
	{"GENERATE: an object of nobody", {{"0047009A08AC06800111A00101", SW_WRONG_DATA}}},
	{"GENERATE: PIN policy 4", {{"0047009A08AC06800111AA0104", SW_WRONG_DATA}}},
	{"GENERATE: PIN policy FF", {{"0047009A08AC06800111AA01FF", SW_WRONG_DATA}}},
	{"GENERATE: a PIN policy of two bytes", {{"0047009A09AC07800111AA020202", SW_WRONG_DATA}}},
	{"GENERATE: touch policy 4", {{"0047009A08AC06800111AB0104", SW_WRONG_DATA}}},
	{"GENERATE: policies outside the template", {{"0047009A08AC03800111AA0101", SW_WRONG_DATA}}},
};

/* ---- GENERAL AUTHENTICATE ---- */

static const struct misuse authenticate[] = {
	{"GENERAL AUTHENTICATE without data", {{"0087119A", SW_WRONG_LENGTH}}},
	{"an algorithm of the other size", {{"0087149A077C058200810101", SW_WRONG_P1P2}}},
	{"an algorithm of the other kind", {{"0087079A077C058200810101", SW_WRONG_P1P2}}},
	{"an algorithm of nobody", {{"0087FF9A077C058200810101", SW_WRONG_P1P2}}},
	{"algorithm 00 with a signing key", {{"0087009A077C058200810101", SW_WRONG_P1P2}}},
	{"P-521", {{"0087159A077C058200810101", SW_WRONG_P1P2}}},
	{"an EC algorithm with the management key", {{"0087119B077C058200810101", SW_WRONG_P1P2}}},
	{"Triple DES with a signing key", {{"0087039A077C058200810101", SW_WRONG_P1P2}}},
	{"the key of secure messaging, which is not there", {{"00872704077C058200810101", SW_WRONG_P1P2}}},
	{"a reference beside the retired keys", {{"00871196077C058200810101", SW_WRONG_P1P2}}},
	{"the attestation key", {{"008711F9077C058200810101", SW_WRONG_P1P2}}},
	{"the PIN as a key", {{"00871180077C058200810101", SW_WRONG_P1P2}}},
	{"a slot without a key", {{"00871182077C058200810101", SW_REFERENCE_NOT_FOUND}}},
	{"7D for 7C", {{"0087119A077D058200810101", SW_WRONG_DATA}}},
	{"an empty 7C", {{"0087119A027C00", SW_WRONG_DATA}}},
	{"7C longer than the data", {{"0087119A077C068200810101", SW_WRONG_DATA}}},
	{"bytes behind 7C", {{"0087119A087C05820081010100", SW_WRONG_DATA}}},
	{"nothing to sign", {{"0087119A047C028200", SW_WRONG_DATA}}},
	{"an empty challenge to a signing key", {{"0087119A067C0482008100", SW_WRONG_DATA}}},
	{"a challenge twice", {{"0087119A0A7C088200810101810102", SW_WRONG_DATA}}},
	{"a challenge and a point", {{"0087119D0A7C088200810101850101", SW_WRONG_DATA}}},
	{"a response that is not empty", {{"0087119A087C06820101810101", SW_WRONG_DATA}}},
	{"a witness for a signing key", {{"0087119A077C058200800101", SW_WRONG_DATA}}},
	{"a digest longer than the curve", {{"0087119A277C258200812111" ONES_32, SW_WRONG_DATA}}},
	{"an object of nobody in 7C", {{"0087119A0A7C088200810101A00101", SW_WRONG_DATA}}},
	{"ECDH with the authentication key", {{"0087119A477C4582008541" POINT, SW_WRONG_DATA}}},
	{"ECDH with the signature key", {{"0020008008" PIN_246813, SW_OK}, {"0087119C477C4582008541" POINT, SW_WRONG_DATA}}},
	{"ECDH with a point off the curve", {{"0087119D477C4582008541" NO_POINT, SW_WRONG_DATA}}},
	{"ECDH with half a point", {{"0087119D277C258200852102" ONES_32, SW_WRONG_DATA}}},
	{"ECDH with the point at infinity", {{"0087119D077C058200850100", SW_WRONG_DATA}}},
	{"ECDH with a point of the other curve", {{"0087119D677C658200856104" ONES_48 ONES_48, SW_WRONG_DATA}}},
	{"ECDH with a hybrid point", {{"0087119D477C458200854106" ONES_32 ONES_32, SW_WRONG_DATA}}},
	{"ECDH with no point", {{"0087119D067C0482008500", SW_WRONG_DATA}}},
	{"RSA of one byte", {{"0087079E077C058200810101", SW_WRONG_DATA}}},
	{"RSA as key agreement", {{"0087079E077C058200850101", SW_WRONG_DATA}}},
};

static const struct misuse management_key[] = {
	{"a response to nothing", {{"0087039B0C7C0A82081122334455667788", SW_SECURITY_STATUS}}},
	{"a witness decrypted that nobody gave", {{"0087039B167C148008112233445566778881081122334455667788", SW_SECURITY_STATUS}}},
	{"a witness decrypted wrongly", {{"0087039B047C02800000", SW_OK},
		{"0087039B167C148008112233445566778881081122334455667788", SW_SECURITY_STATUS}}},
	{"a response shorter than the block", {{"0087039B047C02810000", SW_OK}, {"0087039B0B7C09820711223344556677", SW_SECURITY_STATUS}}},
	{"a response longer than the block", {{"0087039B047C02810000", SW_OK},
		{"0087039B147C12821011223344556677881122334455667788", SW_SECURITY_STATUS}}},
	{"the challenge itself for a response", {{"0087039B047C02810000", SW_OK}, {"0087039B0C7C0A82080000000000000000", SW_SECURITY_STATUS}}},
	{"a response to a witness", {{"0087039B047C02800000", SW_OK}, {"0087039B0C7C0A82081122334455667788", SW_SECURITY_STATUS}}},
	{"a decrypted witness without a challenge", {{"0087039B047C02800000", SW_OK}, {"0087039B0C7C0A80081122334455667788", SW_WRONG_DATA}}},
	{"a challenge and a witness asked for at once", {{"0087039B067C048000810000", SW_WRONG_DATA}}},
	{"internal authentication with the management key", {{"0087039B0E7C0C820081081122334455667788", SW_WRONG_DATA}}},
	{"an algorithm that is not the key's", {{"00870A9B047C02810000", SW_WRONG_P1P2}}},
	{"a block of no cipher", {{"0087039B157C1382111122334455667788112233445566778899", SW_WRONG_DATA}}},
	{"an object of nobody", {{"0087039B047C02850000", SW_WRONG_DATA}}},
};

/* ---- chains, GET RESPONSE ---- */

static const struct misuse orders[] = {
	{"a chain that ends as another command", {{"10DB3FFF0A5C035FC1055307010203", SW_OK}, {"00CB3FFF055C035FC10400", SW_NOT_FOUND},
		{"00DB3FFF0404050607", SW_WRONG_DATA}}},
	{"a chain that changes its reference", {{"1087119A047C058200", SW_OK}, {"0087119D03810101", SW_WRONG_DATA}}},
	{"a chain that changes its algorithm", {{"1087119A047C058200", SW_OK}, {"0087079E03810101", SW_WRONG_DATA}}},
	{"a chain that changes its instruction", {{"1047009A03AC0380", SW_OK}, {"0087009A020111", SW_WRONG_P1P2}}},
	{"a chain that begins with its end", {{"00DB3FFF0404050607", SW_WRONG_DATA}, {"10DB3FFF0A5C035FC1055307010203", SW_OK},
		{"00200080", SW_OK}, {"00DB3FFF0404050607", SW_WRONG_DATA}}},
	{"a chain interrupted by GET RESPONSE", {{"10DB3FFF0A5C035FC1055307010203", SW_OK}, {"00C0000000", SW_CONDITIONS},
		{"00DB3FFF0404050607", SW_WRONG_DATA}}},
	{"a chain interrupted by SELECT", {{"1047009A03AC0380", SW_OK}, {PIV_SELECT, SW_OK}, {"0047009A020111", SW_WRONG_DATA}}},
	{"a chain interrupted by what is no command", {{"1047009A03AC0380", SW_OK}, {"0047", SW_WRONG_LENGTH}, {"0047009A020111", SW_WRONG_DATA}}},
	{"a chain interrupted by an unknown instruction", {{"1047009A03AC0380", SW_OK}, {"00AA0000", SW_INS_NOT_SUPPORTED},
		{"0047009A020111", SW_WRONG_DATA}}},
	{"a chain that goes on in another class", {{"1047009A03AC0380", SW_OK}, {"8047009A020111", SW_INS_NOT_SUPPORTED},
		{"0047009A020111", SW_WRONG_DATA}}},
	{"a chain of an unknown instruction", {{"10AA000001FF", SW_OK}, {"00AA000001FF", SW_INS_NOT_SUPPORTED}}},
	{"a chain without its end", {{"10DB3FFF085C035FC10A530101", SW_OK}}},
	{"GET RESPONSE when nothing waits", {{"00C0000000", SW_CONDITIONS}}},
	{"GET RESPONSE after a refusal", {{"00CB3FFF055C035FC10400", SW_NOT_FOUND}, {"00C0000000", SW_CONDITIONS}}},
	{"GET RESPONSE once too often", {{"00F7009E00", SW_BYTES_REMAIN}, {"00C0000000", SW_OK}, {"00C0000000", SW_CONDITIONS}}},
	{"GET RESPONSE with P1", {{"00F7009E00", SW_BYTES_REMAIN}, {"00C0010000", SW_WRONG_P1P2}, {"00C0000000", SW_CONDITIONS}}},
	{"GET RESPONSE with data", {{"00F7009E00", SW_BYTES_REMAIN}, {"00C0000001FF00", SW_WRONG_LENGTH}, {"00C0000000", SW_CONDITIONS}}},
	{"GET RESPONSE after another command", {{"00F7009E00", SW_BYTES_REMAIN}, {"00200080", SW_OK}, {"00C0000000", SW_CONDITIONS}}},
	{"GET RESPONSE in a chain", {{"00F7009E00", SW_BYTES_REMAIN}, {"10C0000000", SW_OK}, {"00C0000000", SW_CONDITIONS}}},
	{"GET RESPONSE of our own class", {{"00F7009E00", SW_BYTES_REMAIN}, {"80C0000000", SW_INS_NOT_SUPPORTED}, {"00C0000000", SW_CONDITIONS}}},
	{"GET RESPONSE on a channel that is not open", {{"00F7009E00", SW_BYTES_REMAIN}, {"01C0000000", SW_CHANNEL_NOT_SUPPORTED}}},
};

/* ---- Yubico's extensions ---- */

static const struct misuse yubico[] = {
	{"GET VERSION with data", {{"00FD00000100", SW_WRONG_LENGTH}}},
	{"GET VERSION with P1", {{"00FD010000", SW_WRONG_P1P2}}},
	{"GET SERIAL with P2", {{"00F8000100", SW_WRONG_P1P2}}},
	{"metadata with P1", {{"00F7019A00", SW_WRONG_P1P2}}},
	{"metadata with data", {{"00F7009A0101", SW_WRONG_LENGTH}}},
	{"metadata of an empty slot", {{"00F7008200", SW_REFERENCE_NOT_FOUND}}},
	{"metadata of the key of secure messaging", {{"00F7000400", SW_REFERENCE_NOT_FOUND}}},
	{"metadata of a finger", {{"00F7009600", SW_REFERENCE_NOT_FOUND}}},
	{"ATTEST of an empty slot", {{"00F9820000", SW_REFERENCE_NOT_FOUND}}},
	{"ATTEST of no slot", {{"00F9040000", SW_WRONG_P1P2}}},
	{"ATTEST with P2", {{"00F99A0100", SW_WRONG_P1P2}}},
	{"ATTEST on a token that the factory gave no key", {{"00F99A0000", SW_REFERENCE_NOT_FOUND}}},
	{"RESET while the codes work", {{"00FB0000", SW_CONDITIONS}}},
	{"RESET with P1", {{"00FB0100", SW_WRONG_P1P2}}},
	{"RESET with data", {{"00FB00000101", SW_WRONG_LENGTH}}},
	{"no tries for the PIN", {{"00FA0003", SW_WRONG_P1P2}}},
	{"no tries for the PUK", {{"00FA0300", SW_WRONG_P1P2}}},
	{"tries with data", {{"00FA03030101", SW_WRONG_LENGTH}}},
	{"SET MANAGEMENT KEY without a key", {{"00FFFFFF03039B18", SW_WRONG_DATA}}},
	{"SET MANAGEMENT KEY of another reference", {{"00FFFFFF1B039A18" KEY_KNOWN, SW_WRONG_DATA}}},
	{"SET MANAGEMENT KEY of no cipher", {{"00FFFFFF1B119B18" KEY_KNOWN, SW_WRONG_DATA}}},
	{"SET MANAGEMENT KEY of the other length", {{"00FFFFFF1B089B18" KEY_KNOWN, SW_WRONG_DATA}}},
	{"SET MANAGEMENT KEY with a length that lies", {{"00FFFFFF1B039B17" KEY_KNOWN, SW_WRONG_DATA}}},
	{"SET MANAGEMENT KEY with P2 00", {{"00FFFF001B039B18" KEY_KNOWN, SW_WRONG_P1P2}}},
	{"SET MANAGEMENT KEY with P1 00", {{"00FF00FF1B039B18" KEY_KNOWN, SW_WRONG_P1P2}}},
	{"IMPORT KEY without data", {{"00FE119A", SW_WRONG_LENGTH}}},
	{"IMPORT KEY in no slot", {{"00FE119B220620" ONES_32, SW_WRONG_P1P2}}},
	{"IMPORT KEY of no algorithm", {{"00FE129A220620" ONES_32, SW_WRONG_P1P2}}},
	{"IMPORT KEY of the other curve", {{"00FE149A220620" ONES_32, SW_WRONG_DATA}}},
	{"IMPORT KEY with policies only", {{"00FE119A06AA0101AB0101", SW_WRONG_DATA}}},
	{"IMPORT KEY in the template of GENERATE", {{"00FE119A24AC220620" ONES_32, SW_WRONG_DATA}}},
};
/* clang-format on */

#define TABLE(rows)                                                                                                    \
	{                                                                                                              \
		rows, COUNT(rows)                                                                                      \
	}
static const struct {
	const struct misuse *row;
	size_t count;
} tables[] = {TABLE(any_command), TABLE(select), TABLE(get_data), TABLE(put_data), TABLE(codes), TABLE(generate),
	TABLE(authenticate), TABLE(management_key), TABLE(orders), TABLE(yubico)};

/* With everything open: nothing but the misuse itself is a reason to refuse. */
static void misuses_are_refused_and_change_nothing(void **state)
{
	struct piv_bench b;
	size_t count = 0, failed = 0;
	uint8_t *before = malloc(4096);

	(void)state;
	piv_bench_make(&b, ALL);
	ramtoken_moment_return(b.moment[PIV_OPEN], b.t);
	struct bytes view = piv_view(&b);
	const size_t len = view.len;
	memcpy(before, view.data, len);
	for (size_t i = 0; i < COUNT(tables); i++)
		for (size_t k = 0; k < tables[i].count; k++, count++) {
			const struct misuse *m = &tables[i].row[k];
			bool as_told = piv_play(&b, PIV_OPEN, m->name, m->steps);
			failed += !as_told;
			view = piv_view(&b);
			if (as_told && !bytes_equal(view, BYTES(before, len))) {
				print_message("%s: something changed\n", m->name);
				failed++;
			}
		}
	print_message("%zu misuses\n", count);
	assert_true(count >= 40);
	assert_int_equal(failed, 0);
	free(before);
	piv_bench_free(&b);
}

/* A chain longer than any command: refused at the block that is too much, and nothing of it stays. */
static void an_endless_chain_ends(void **state)
{
	struct piv_bench b;
	uint8_t block[260] = {0x10, 0xDB, 0x3F, 0xFF, 0xFF};
	unsigned blocks = 0;
	struct rapdu r = {BYTES_NONE, SW_OK};

	(void)state;
	piv_bench_make(&b, ALL);
	ramtoken_moment_return(b.moment[PIV_OPEN], b.t);
	for (; blocks < 100 && r.sw == SW_OK; blocks++)
		assert_true(rapdu_parse(ramtoken_transceive(b.t, BYTES_OF(block)), &r));
	assert_int_equal(r.sw, SW_WRONG_LENGTH);
	assert_int_equal(blocks, FW_COMMAND_DATA_MAX / 255 + 1);
	wire(b.t, "00DB3FFF085C035FC10A530101", SW_OK);
	assert_int_equal(piv_get(b.t, 0x5FC10A, SW_OK).len, 3);
	piv_bench_free(&b);
}

/* An object larger than any may be; the largest. */
static void the_largest_object(void **state)
{
	static uint8_t value[FW_OBJECT_MAX + 1] = {1};
	struct piv_bench b;

	(void)state;
	piv_bench_make(&b, ALL);
	ramtoken_moment_return(b.moment[PIV_OPEN], b.t);
	piv_put(b.t, 0x5FC105, BYTES_OF(value), SW_FULL);
	assert_int_equal(piv_get(b.t, 0x5FC105, SW_OK).len, 11);
	piv_put(b.t, 0x5FC105, BYTES(value, FW_OBJECT_MAX), SW_OK);
	assert_int_equal(piv_get(b.t, 0x5FC105, SW_OK).len, FW_OBJECT_MAX + 4);
	piv_bench_free(&b);
}

/* A block above the modulus, and one as long as it should not be: the key of 9E. */
static void rsa_blocks_that_are_none(void **state)
{
	static uint8_t ones[257];
	struct piv_bench b;

	(void)state;
	memset(ones, 0xFF, sizeof(ones));
	piv_bench_make(&b, ALL);
	ramtoken_moment_return(b.moment[PIV_OPEN], b.t);
	piv_use(b.t, 0x9E, 0x07, 0x81, BYTES(ones, 256), SW_WRONG_DATA);
	piv_use(b.t, 0x9E, 0x07, 0x81, BYTES(ones, 255), SW_WRONG_DATA);
	piv_use(b.t, 0x9E, 0x07, 0x81, BYTES(ones, 257), SW_WRONG_DATA);
	ones[0] = 0;
	piv_use(b.t, 0x9E, 0x07, 0x81, BYTES(ones, 256), SW_OK);
	piv_bench_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(misuses_are_refused_and_change_nothing),
		cmocka_unit_test(an_endless_chain_ends),
		cmocka_unit_test(the_largest_object),
		cmocka_unit_test(rsa_blocks_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
