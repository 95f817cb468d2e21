/* certs.h - keys and certificates made with Mbed TLS, 2.28 and 3.x alike.
 *
 * They are made anew by every program that needs some: nothing secret is
 * ever committed. What fails here fails for want of memory or by a mistake of
 * the test's, and ends the program.
 */
#ifndef CERTS_H
#define CERTS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mbedtls/version.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

/* Mbed TLS 3 does TLS 1.3 through PSA, which must be set up before any TLS. */
#if defined(MBEDTLS_USE_PSA_CRYPTO) || \
    (MBEDTLS_VERSION_NUMBER >= 0x03000000 && \
     defined(MBEDTLS_SSL_PROTO_TLS1_3))
#define TLS_OVER_PSA
#include <psa/crypto.h>
#endif

#define CERT_FROM "20200101000000"
#define CERT_UNTIL "20491231235959"

/* RFC 5280 section 4.2.1.6: the kinds of names, as the tags they have. */
enum { SAN_EMAIL = 0x81, SAN_DNS = 0x82, SAN_URI = 0x86, SAN_IP = 0x87 };

typedef struct san {
    int tag;
    size_t length;
    const char *value;
} san;

/* A list of names from literals, which may hold NUL. */
#define SAN(tag, literal) {(tag), sizeof(literal) - 1, (literal)}
#define SAN_LIST(...) ((const san[]){__VA_ARGS__, {0, 0, NULL}})

/* An extension of any kind: its OID and its value, in DER. */
typedef struct cert_extension {
    const char *oid, *value;
    size_t oid_length, length;
    bool critical;
} cert_extension;

#define CERT_EXTENSION(oid, critical, value) \
    {(oid), (value), sizeof(oid) - 1, sizeof(value) - 1, (critical)}

/* What one certificate says. */
typedef struct cert {
    const char *subject, *issuer;
    mbedtls_pk_context *key, *issuer_key;
    const char *from, *until;  /* (default: from 2020 to 2049) */
    const san *names;          /* (default, or an empty list: none) */
    const cert_extension *extension; /* one more (default: none) */
    mbedtls_md_type_t digest;  /* (default: SHA-256) */
    unsigned usage;            /* MBEDTLS_X509_KU_* (default: what a CA, or
                                  else a server, needs) */
    bool ca;
    bool no_ca_below;          /* a path length of zero */
    bool flipped;              /* a bit of the signature is */
    bool misnamed;             /* the signature's algorithm is: to a new one */
} cert;

/* A finished one. */
typedef struct cert_der {
    size_t length;
    unsigned char bytes[1024];
} cert_der;

static mbedtls_entropy_context cert_entropy;
static mbedtls_ctr_drbg_context cert_random;

static inline void cert_must(int result, const char *what)
{
    if (result >= 0)
        return;
    fprintf(stderr, "certs: %s: -0x%04x\n", what, (unsigned)-result);
    exit(1);
}

static inline void cert_start(void)
{
    mbedtls_entropy_init(&cert_entropy);
    mbedtls_ctr_drbg_init(&cert_random);
    cert_must(mbedtls_ctr_drbg_seed(&cert_random, mbedtls_entropy_func,
                                    &cert_entropy, NULL, 0), "seeding");
}

static inline void cert_stop(void)
{
    mbedtls_ctr_drbg_free(&cert_random);
    mbedtls_entropy_free(&cert_entropy);
}

/* ---- keys --------------------------------------------------------------- */

static inline void cert_make_ec_key(mbedtls_pk_context *key,
                                    mbedtls_ecp_group_id curve)
{
    mbedtls_pk_init(key);
    cert_must(mbedtls_pk_setup(key,
                               mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)),
              "setting up a key");
    cert_must(mbedtls_ecp_gen_key(curve, mbedtls_pk_ec(*key),
                                  mbedtls_ctr_drbg_random, &cert_random),
              "making a key");
}

static inline void cert_make_key(mbedtls_pk_context *key)
{
    cert_make_ec_key(key, MBEDTLS_ECP_DP_SECP256R1);
}

static inline void cert_make_rsa_key(mbedtls_pk_context *key, unsigned bits)
{
    mbedtls_pk_init(key);
    cert_must(mbedtls_pk_setup(key,
                               mbedtls_pk_info_from_type(MBEDTLS_PK_RSA)),
              "setting up an RSA key");
    cert_must(mbedtls_rsa_gen_key(mbedtls_pk_rsa(*key),
                                  mbedtls_ctr_drbg_random, &cert_random,
                                  bits, 65537), "making an RSA key");
}

/* ---- certificates ------------------------------------------------------- */

/* A random serial number: no two certificates may share issuer and number
 * (RFC 5280 section 4.1.2.2). */
static inline void cert_write_serial(mbedtls_x509write_cert *writer)
{
    unsigned char serial[16];
    cert_must(mbedtls_ctr_drbg_random(&cert_random, serial, sizeof serial),
              "drawing a serial number");
    serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40); /* positive */
#if MBEDTLS_VERSION_NUMBER >= 0x03040000
    cert_must(mbedtls_x509write_crt_set_serial_raw(writer, serial,
                                                   sizeof serial),
              "setting the serial number");
#else
    mbedtls_mpi number;
    mbedtls_mpi_init(&number);
    cert_must(mbedtls_mpi_read_binary(&number, serial, sizeof serial),
              "reading the serial number");
    cert_must(mbedtls_x509write_crt_set_serial(writer, &number),
              "setting the serial number");
    mbedtls_mpi_free(&number);
#endif
}

static inline void cert_write_extension(mbedtls_x509write_cert *writer,
                                        const cert_extension *extension)
{
    cert_must(mbedtls_x509write_crt_set_extension(
                  writer, extension->oid, extension->oid_length,
                  extension->critical,
                  (const unsigned char *)extension->value, extension->length),
              "setting an extension");
}

/* The alternative names in DER by hand, because Mbed TLS 2.28 has no writer
 * for them. Each length fits in one byte. */
static inline void cert_write_names(mbedtls_x509write_cert *writer,
                                    const san *names)
{
    char der[127] = {0x30, 0}; /* SEQUENCE */
    cert_extension extension = CERT_EXTENSION("\x55\x1d\x11", false, "");
    size_t length = 2;
    for (; names->value; names++) {
        der[length++] = (char)names->tag;
        der[length++] = (char)names->length;
        memcpy(der + length, names->value, names->length);
        length += names->length;
    }
    der[1] = (char)(length - 2);
    extension.value = der;
    extension.length = length;
    cert_write_extension(writer, &extension);
}

static inline void cert_write_extensions(mbedtls_x509write_cert *writer,
                                         const cert *what)
{
    unsigned usage = what->ca ? MBEDTLS_X509_KU_KEY_CERT_SIGN
                              : MBEDTLS_X509_KU_DIGITAL_SIGNATURE;
    cert_must(mbedtls_x509write_crt_set_basic_constraints(
                  writer, what->ca, what->no_ca_below ? 0 : -1),
              "setting the constraints");
    cert_must(mbedtls_x509write_crt_set_key_usage(
                  writer, what->usage ? what->usage : usage),
              "setting the key's usage");
    if (what->names && what->names->value)
        cert_write_names(writer, what->names);
    if (what->extension)
        cert_write_extension(writer, what->extension);
}

/* Names an algorithm that nobody knows in place of ECDSA with SHA-256. */
static inline void cert_misname(cert_der *der)
{
    static const unsigned char known[] = {0x2a, 0x86, 0x48, 0xce,
                                          0x3d, 0x04, 0x03, 0x02};
    size_t i;
    for (i = 0; i + sizeof known <= der->length; i++)
        if (memcmp(der->bytes + i, known, sizeof known) == 0)
            der->bytes[i + sizeof known - 1] = 0x7f;
}

/* Signs the certificate and gives it as DER. */
static inline cert_der cert_make(const cert *what)
{
    cert_der der;
    int length;
    mbedtls_x509write_cert writer;
    mbedtls_x509write_crt_init(&writer);
    mbedtls_x509write_crt_set_version(&writer, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(
        &writer, what->digest != MBEDTLS_MD_NONE ? what->digest
                                                 : MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&writer, what->key);
    mbedtls_x509write_crt_set_issuer_key(&writer, what->issuer_key);
    cert_must(mbedtls_x509write_crt_set_subject_name(&writer, what->subject),
              "setting the subject");
    cert_must(mbedtls_x509write_crt_set_issuer_name(&writer, what->issuer),
              "setting the issuer");
    cert_must(mbedtls_x509write_crt_set_validity(
                  &writer, what->from ? what->from : CERT_FROM,
                  what->until ? what->until : CERT_UNTIL),
              "setting the validity");
    cert_write_serial(&writer);
    cert_write_extensions(&writer, what);
    length = mbedtls_x509write_crt_der(&writer, der.bytes, sizeof der.bytes,
                                       mbedtls_ctr_drbg_random, &cert_random);
    cert_must(length, "signing a certificate");
    mbedtls_x509write_crt_free(&writer);
    der.length = (size_t)length; /* written at the end of the room */
    memmove(der.bytes, der.bytes + sizeof der.bytes - der.length, der.length);
    der.bytes[der.length - 1] ^= (unsigned char)what->flipped;
    if (what->misnamed)
        cert_misname(&der);
    return der;
}

/* The same as text (RFC 7468), NUL-ended. */
static inline void cert_pem(const cert_der *der, char *pem, size_t size)
{
    size_t length;
    cert_must(mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n",
                                       "-----END CERTIFICATE-----\n",
                                       der->bytes, der->length,
                                       (unsigned char *)pem, size, &length),
              "writing PEM");
}
#endif
