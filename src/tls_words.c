/* SPDX-License-Identifier: MIT
 *
 * tls_words - how is it said, to people and to the peer?
 */
#include "tls_parts.h"

struct error_word {
	int16_t error;
	uint8_t alert; /* RFC 5246 7.2.2; for those that BearSSL does not send itself */
	const char *text;
};

enum {
	UNEXPECTED_MESSAGE = 10, BAD_RECORD_MAC = 20, RECORD_OVERFLOW = 22, HANDSHAKE_FAILURE = 40, BAD_CERTIFICATE = 42, UNSUPPORTED_CERTIFICATE = 43,
	CERTIFICATE_EXPIRED = 45, UNKNOWN_CA = 48, DECODE_ERROR = 50, DECRYPT_ERROR = 51, PROTOCOL_VERSION = 70,
	INTERNAL_ERROR = 80
};

/* Received alerts come first: they are what most failures are about. */
static const struct error_word words[] = {
	{256 + 10, 0, "TLS: the peer says that a message came out of turn"},
	{256 + 20, 0, "TLS: the peer says that a record is damaged"},
	{256 + 40, 0, "TLS: the peer says handshake_failure: nothing in common, or it wants a certificate"},
	{256 + 42, 0, "TLS: the peer says that our certificate is bad"},
	{256 + 43, 0, "TLS: the peer does not support the kind of our certificate"},
	{256 + 44, 0, "TLS: the peer says that our certificate is revoked"},
	{256 + 45, 0, "TLS: the peer says that our certificate has expired"},
	{256 + 46, 0, "TLS: the peer does not accept our certificate"},
	{256 + 48, 0, "TLS: the peer does not know who issued our certificate"},
	{256 + 50, 0, "TLS: the peer says that a message makes no sense"},
	{256 + 51, 0, "TLS: the peer says that a signature is wrong"},
	{256 + 70, 0, "TLS: the peer does not speak TLS 1.2"},
	{256 + 71, 0, "TLS: the peer finds our ciphers too weak"},
	{256 + 80, 0, "TLS: the peer had an internal error"},
	{256 + 90, 0, "TLS: the peer gave up"},
	{256 + 100, 0, "TLS: the peer does not renegotiate"},
	{256 + 112, 0, "TLS: the peer has no such name"},
	{256 + 116, 0, "TLS: the peer wants a certificate from us"},
	{512 + 40, 0, "TLS: nothing in common with the peer"},
	{512 + 70, 0, "TLS: the peer does not speak TLS 1.2"},
	{512 + 86, 0, "TLS: the peer has fallen back to an older TLS without need"},
	{BR_ERR_UNSUPPORTED_VERSION, PROTOCOL_VERSION, "TLS: this is not TLS 1.2"},
	{BR_ERR_BAD_VERSION, PROTOCOL_VERSION, "TLS: the version changed in between"},
	{BR_ERR_BAD_LENGTH, DECODE_ERROR, "TLS: a record has a wrong length"},
	{BR_ERR_TOO_LARGE, RECORD_OVERFLOW, "TLS: a record is too long"},
	{BR_ERR_BAD_MAC, BAD_RECORD_MAC, "TLS: a record is damaged"},
	{BR_ERR_NO_RANDOM, INTERNAL_ERROR, "TLS: no random numbers"},
	{BR_ERR_UNKNOWN_TYPE, UNEXPECTED_MESSAGE, "TLS: a record of an unknown type"},
	{BR_ERR_UNEXPECTED, UNEXPECTED_MESSAGE, "TLS: a message came out of turn"},
	{BR_ERR_BAD_CCS, UNEXPECTED_MESSAGE, "TLS: a wrong ChangeCipherSpec"},
	{BR_ERR_BAD_ALERT, DECODE_ERROR, "TLS: a wrong alert"},
	{BR_ERR_BAD_HANDSHAKE, DECODE_ERROR, "TLS: a handshake message makes no sense"},
	{BR_ERR_OVERSIZED_ID, DECODE_ERROR, "TLS: a session id is too long"},
	{BR_ERR_BAD_CIPHER_SUITE, HANDSHAKE_FAILURE, "TLS: the peer chose a cipher that was not offered"},
	{BR_ERR_BAD_COMPRESSION, HANDSHAKE_FAILURE, "TLS: the peer wants compression"},
	{BR_ERR_BAD_SECRENEG, HANDSHAKE_FAILURE, "TLS: wrong renegotiation data"},
	{BR_ERR_BAD_SNI, DECODE_ERROR, "TLS: the name in the handshake makes no sense"},
	{BR_ERR_LIMIT_EXCEEDED, DECODE_ERROR, "TLS: a handshake message is too long"},
	{BR_ERR_BAD_FINISHED, DECRYPT_ERROR, "TLS: the handshake was tampered with"},
	{BR_ERR_RESUME_MISMATCH, HANDSHAKE_FAILURE, "TLS: the peer goes on with a session in another way"},
	{BR_ERR_BAD_SIGNATURE, DECRYPT_ERROR, "TLS: a signature is wrong"},
	{BR_ERR_WRONG_KEY_USAGE, BAD_CERTIFICATE, "TLS: the peer's key is not for this"},
	{BR_ERR_NO_CLIENT_AUTH, HANDSHAKE_FAILURE, "TLS: the client showed no certificate"},
	{BR_ERR_X509_EMPTY_CHAIN, BAD_CERTIFICATE, "TLS: the peer showed no certificate"},
	{BR_ERR_X509_BAD_SIGNATURE, BAD_CERTIFICATE, "TLS: a signature in the peer's certificate chain is wrong"},
	{BR_ERR_X509_EXPIRED, CERTIFICATE_EXPIRED, "TLS: the peer's certificate has expired, or is not valid yet"},
	{BR_ERR_X509_BAD_SERVER_NAME, BAD_CERTIFICATE, "TLS: the server's certificate is for another name"},
	{BR_ERR_X509_CRITICAL_EXTENSION, UNSUPPORTED_CERTIFICATE, "TLS: the peer's certificate has a critical extension that is not known here"},
	{BR_ERR_X509_NOT_CA, BAD_CERTIFICATE, "TLS: a certificate in the peer's chain may not sign others"},
	{BR_ERR_X509_FORBIDDEN_KEY_USAGE, BAD_CERTIFICATE, "TLS: the peer's key is not for this"},
	{BR_ERR_X509_WEAK_PUBLIC_KEY, BAD_CERTIFICATE, "TLS: the peer's key is too short"},
	{BR_ERR_X509_NOT_TRUSTED, UNKNOWN_CA, "TLS: the peer's certificate is not from an authority that is trusted here"},
	{BR_ERR_X509_UNSUPPORTED, UNSUPPORTED_CERTIFICATE, "TLS: the peer's certificate uses what is not supported here"},
	{BR_ERR_X509_LIMIT_EXCEEDED, BAD_CERTIFICATE, "TLS: the peer's certificate is too long"},
};

static const struct error_word *word_of(int error)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i].error == error)
			return &words[i];
	return NULL;
}

const char *tls_error_text(int error)
{
	const struct error_word *w = word_of(error);

	if (w)
		return w->text;
	if (error > BR_ERR_SEND_FATAL_ALERT)
		return "TLS: the handshake failed";
	if (error > BR_ERR_RECV_FATAL_ALERT)
		return "TLS: the peer sent an alert";
	return error >= BR_ERR_X509_OK ? "TLS: the peer's certificate makes no sense" : "TLS failed";
}

uint8_t tls_error_alert(int error)
{
	const struct error_word *w = word_of(error);

	if (w)
		return w->alert;
	return error >= BR_ERR_X509_OK ? BAD_CERTIFICATE : INTERNAL_ERROR;
}

const char *tls_suite_text(unsigned suite)
{
	switch (suite) {
	case BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256:
		return "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256";
	case BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:
		return "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256";
	case BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384:
		return "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384";
	case BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:
		return "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384";
	case BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return "TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305";
	case BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256:
		return "TLSv1.2 ECDHE-RSA-CHACHA20-POLY1305";
	default:
		return "TLSv1.2";
	}
}
