/* mbedtls_config.h - Mbed TLS 3.6 for a client of puter.h alone.
 *
 * TLS 1.2 and 1.3 with ECDHE, AES-GCM and ChaCha20-Poly1305; X.509 with RSA
 * and ECDSA signatures; nothing else, above all nothing of a server's. In the
 * tree of Mbed TLS 3.6:
 *
 *     cp mbedtls_config.h include/mbedtls/
 *     make lib CFLAGS='-Oz -ffunction-sections -fno-asynchronous-unwind-tables'
 *
 * (with CC=musl-gcc, or a cross compiler and AR as well), then, PREFIX being
 * that tree, a program:
 *
 *     cc -Oz -ffunction-sections -fno-asynchronous-unwind-tables -static -s \
 *        -I. -IPREFIX/include examples/hello.c -LPREFIX/library \
 *        -lmbedtls -lmbedx509 -lmbedcrypto -Wl,--gc-sections,-z,noseparate-code
 *
 * The configuration is part of the headers: library and program see the same.
 */

/* ---- the machine: a clock, for validity; /dev/random or getrandom --------*/

#define MBEDTLS_HAVE_ASM
#define MBEDTLS_HAVE_TIME
#define MBEDTLS_HAVE_TIME_DATE
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_ENTROPY_C
#define MBEDTLS_CTR_DRBG_C
#define MBEDTLS_VERSION_C

/* ---- ciphers ------------------------------------------------------------ */

#define MBEDTLS_CIPHER_C
#define MBEDTLS_AES_C
#define MBEDTLS_AESNI_C
#define MBEDTLS_AESCE_C
#define MBEDTLS_GCM_C
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
#define MBEDTLS_BLOCK_CIPHER_NO_DECRYPT /* GCM only ever encrypts blocks */
#define MBEDTLS_AES_FEWER_TABLES        /* 6 KB of memory less */

/* ---- digests ------------------------------------------------------------ */

#define MBEDTLS_MD_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_SHA256_SMALLER
#define MBEDTLS_SHA512_SMALLER

/* ---- public keys -------------------------------------------------------- */

#define MBEDTLS_BIGNUM_C
#define MBEDTLS_RSA_C
#define MBEDTLS_RSA_NO_CRT /* signatures are only verified */
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_PKCS1_V21
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 0 /* 8 KB of tables less */
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C

/* ---- certificates ------------------------------------------------------- */

#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C /* ECDSA signatures */
#define MBEDTLS_BASE64_C
#define MBEDTLS_PEM_PARSE_C
#define MBEDTLS_OID_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_RSASSA_PSS_SUPPORT
#define MBEDTLS_X509_REMOVE_INFO

/* ---- TLS ---------------------------------------------------------------- */

#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_CLI_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_KEY_EXCHANGE_ECDHE_RSA_ENABLED
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE

/* A server may send records of 16 KB (RFC 8446, 5.1), and does: with less,
 * define MBEDTLS_SSL_MAX_FRAGMENT_LENGTH too, to ask it for smaller ones. What
 * is sent goes in such. */
#define MBEDTLS_SSL_IN_CONTENT_LEN 16384
#define MBEDTLS_SSL_OUT_CONTENT_LEN 2048

/* ---- TLS 1.3: without it, 41 KB less; delete to the end of the file -------*/

#define MBEDTLS_SSL_PROTO_TLS1_3
#define MBEDTLS_SSL_TLS1_3_COMPATIBILITY_MODE
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_HKDF_C

/* TLS 1.3 has no session IDs: to resume takes a ticket, and the ticket's key
 * (RFC 8446, 2.2). Without both every handshake is a whole one. */
#define MBEDTLS_SSL_SESSION_TICKETS
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL_ENABLED
