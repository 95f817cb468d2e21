/* standin_certs.h - the stand-in's test CA and its server certificate, made
 * anew at each start: nothing secret is ever committed or left on disk. */
#ifndef STANDIN_CERTS_H
#define STANDIN_CERTS_H

#include "standin_base.h"

#include <mbedtls/version.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#ifdef MBEDTLS_SSL_TICKET_C
#include <mbedtls/ssl_ticket.h>
#endif

/* Mbed TLS 3 does TLS 1.3 through PSA, which must be set up first. */
#if defined(MBEDTLS_USE_PSA_CRYPTO) || \
    (MBEDTLS_VERSION_NUMBER >= 0x03000000 && \
     defined(MBEDTLS_SSL_PROTO_TLS1_3))
#define STANDIN_PSA
#include <psa/crypto.h>
#endif

#define CA_NAME "CN=Stand-in test CA,O=puter.h tests"
#define SERVER_NAME "CN=api.puter.localhost,O=puter.h tests"
#define VALID_FROM "20200101000000"
#define VALID_UNTIL "20491231235959"

/* RFC 5280 section 4.2.1.6: dNSName is [2], iPAddress [7]. */
enum { SAN_DNS = 0x82, SAN_IP = 0x87 };

typedef struct san {
    int tag;
    size_t length;
    const char *value;
} san;

static const san right_names[] = {
    {SAN_DNS, 9, "localhost"},
    {SAN_DNS, 19, "api.puter.localhost"},
    {SAN_DNS, 15, "puter.localhost"},
    {SAN_IP, 4, "\x7f\0\0\x01"},
    {SAN_IP, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"},
    {0, 0, NULL},
};

static const san wrong_names[] = {
    {SAN_DNS, 18, "elsewhere.test.com"},
    {0, 0, NULL},
};

/* What one certificate says. */
typedef struct certificate {
    const char *subject, *issuer;
    mbedtls_pk_context *subject_key, *issuer_key;
    const char *from, *until;
    const san *names; /* NULL: a CA's */
} certificate;

static struct {
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_pk_context ca_key, key;
    mbedtls_x509_crt chain;
    mbedtls_ssl_config config;
#ifdef MBEDTLS_SSL_TICKET_C
    mbedtls_ssl_ticket_context tickets;
#endif
} tls;

static void make_key(mbedtls_pk_context *key)
{
    mbedtls_pk_init(key);
    must(mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)),
         "setting up a key");
    must(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key),
                             mbedtls_ctr_drbg_random, &tls.random),
         "making a key");
}

/* A random serial number: no two certificates may share issuer and number
 * (RFC 5280 section 4.1.2.2), and the CA's name is the same at each start. */
static void write_serial(mbedtls_x509write_cert *writer)
{
    unsigned char serial[16];
    must(mbedtls_ctr_drbg_random(&tls.random, serial, sizeof serial),
         "drawing a serial number");
    serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40); /* positive */
#if MBEDTLS_VERSION_NUMBER >= 0x03040000
    must(mbedtls_x509write_crt_set_serial_raw(writer, serial, sizeof serial),
         "setting the serial number");
#else
    mbedtls_mpi number;
    mbedtls_mpi_init(&number);
    must(mbedtls_mpi_read_binary(&number, serial, sizeof serial),
         "reading the serial number");
    must(mbedtls_x509write_crt_set_serial(writer, &number),
         "setting the serial number");
    mbedtls_mpi_free(&number);
#endif
}

/* The extension in DER by hand, because Mbed TLS 2.28 has no writer for it.
 * Each length fits in one byte. */
static void write_names(mbedtls_x509write_cert *writer, const san *names)
{
    unsigned char der[127] = {0x30, 0}; /* SEQUENCE */
    size_t length = 2;
    for (; names->value; names++) {
        der[length++] = (unsigned char)names->tag;
        der[length++] = (unsigned char)names->length;
        memcpy(der + length, names->value, names->length);
        length += names->length;
    }
    der[1] = (unsigned char)(length - 2);
    must(mbedtls_x509write_crt_set_extension(
             writer, MBEDTLS_OID_SUBJECT_ALT_NAME,
             MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), 0, der, length),
         "setting the alternative names");
}

static void write_extensions(mbedtls_x509write_cert *writer, const san *names)
{
    bool is_ca = names == NULL;
    must(mbedtls_x509write_crt_set_basic_constraints(writer, is_ca, -1),
         "setting the constraints");
    must(mbedtls_x509write_crt_set_key_usage(
             writer, is_ca ? MBEDTLS_X509_KU_KEY_CERT_SIGN
                           : MBEDTLS_X509_KU_DIGITAL_SIGNATURE),
         "setting the key's usage");
    if (!is_ca)
        write_names(writer, names);
}

/* Signs a certificate and gives it as PEM. */
static void write_certificate(const certificate *what, char *pem, size_t size)
{
    mbedtls_x509write_cert writer;
    mbedtls_x509write_crt_init(&writer);
    mbedtls_x509write_crt_set_version(&writer, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(&writer, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(&writer, what->subject_key);
    mbedtls_x509write_crt_set_issuer_key(&writer, what->issuer_key);
    must(mbedtls_x509write_crt_set_subject_name(&writer, what->subject),
         "setting the subject");
    must(mbedtls_x509write_crt_set_issuer_name(&writer, what->issuer),
         "setting the issuer");
    must(mbedtls_x509write_crt_set_validity(&writer, what->from, what->until),
         "setting the validity");
    write_serial(&writer);
    write_extensions(&writer, what->names);
    must(mbedtls_x509write_crt_pem(&writer, (unsigned char *)pem, size,
                                   mbedtls_ctr_drbg_random, &tls.random),
         "signing a certificate");
    mbedtls_x509write_crt_free(&writer);
}

/* Puts the CA where programs that trust it find it. */
static void publish_ca(const char *pem)
{
    const char *directory = getenv("TMPDIR");
    size_t length = strlen(pem);
    int fd;
    snprintf(settings.ca_path, sizeof settings.ca_path,
             "%s/standin-ca-XXXXXX", directory ? directory : "/tmp");
    fd = mkstemp(settings.ca_path);
    if (fd < 0 || write(fd, pem, length) != (ssize_t)length)
        die("%s cannot be written", settings.ca_path);
    close(fd);
}

/* The server's certificate, with what the fault makes of it. */
static void make_server_certificate(char *pem, size_t size)
{
    certificate server = {SERVER_NAME, CA_NAME, &tls.key, &tls.ca_key,
                          VALID_FROM, VALID_UNTIL, right_names};
    mbedtls_pk_context other_key;
    make_key(&other_key);
    switch (settings.fault) {
    case FAULT_EXPIRED:
        server.until = "20200201000000";
        break;
    case FAULT_NOT_YET_VALID:
        server.from = "20490101000000";
        break;
    case FAULT_WRONG_HOST:
        server.subject = "CN=elsewhere.test.com";
        server.names = wrong_names;
        break;
    case FAULT_SELF_SIGNED:
        server.issuer = server.subject;
        server.issuer_key = server.subject_key;
        break;
    case FAULT_UNTRUSTED:
        server.issuer_key = &other_key;
        break;
    default:
        break;
    }
    write_certificate(&server, pem, size);
    mbedtls_pk_free(&other_key);
}

static void make_certificates(void)
{
    certificate ca = {CA_NAME, CA_NAME, &tls.ca_key, &tls.ca_key,
                      VALID_FROM, VALID_UNTIL, NULL};
    char pem[4096];
    make_key(&tls.ca_key);
    make_key(&tls.key);
    write_certificate(&ca, pem, sizeof pem);
    publish_ca(pem);
    make_server_certificate(pem, sizeof pem);
    mbedtls_x509_crt_init(&tls.chain);
    must(mbedtls_x509_crt_parse(&tls.chain, (const unsigned char *)pem,
                                strlen(pem) + 1), "reading a certificate");
}

/* Session tickets, so that clients meet them. */
static void offer_tickets(void)
{
#if defined(MBEDTLS_SSL_TICKET_C) && defined(MBEDTLS_SSL_SESSION_TICKETS)
    mbedtls_ssl_ticket_init(&tls.tickets);
    must(mbedtls_ssl_ticket_setup(&tls.tickets, mbedtls_ctr_drbg_random,
                                  &tls.random, MBEDTLS_CIPHER_AES_256_GCM,
                                  3600), "setting up tickets");
    mbedtls_ssl_conf_session_tickets_cb(&tls.config, mbedtls_ssl_ticket_write,
                                        mbedtls_ssl_ticket_parse,
                                        &tls.tickets);
#endif
}

static void configure_tls(void)
{
    mbedtls_ssl_config_init(&tls.config);
    must(mbedtls_ssl_config_defaults(&tls.config, MBEDTLS_SSL_IS_SERVER,
                                     MBEDTLS_SSL_TRANSPORT_STREAM,
                                     MBEDTLS_SSL_PRESET_DEFAULT),
         "configuring TLS");
#if MBEDTLS_VERSION_NUMBER >= 0x03020000
    mbedtls_ssl_conf_min_tls_version(&tls.config, MBEDTLS_SSL_VERSION_TLS1_2);
#elif MBEDTLS_VERSION_NUMBER < 0x03000000
    mbedtls_ssl_conf_min_version(&tls.config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 MBEDTLS_SSL_MINOR_VERSION_3);
#endif
    mbedtls_ssl_conf_rng(&tls.config, mbedtls_ctr_drbg_random, &tls.random);
    must(mbedtls_ssl_conf_own_cert(&tls.config, &tls.chain, &tls.key),
         "configuring the certificate");
    offer_tickets();
}

static void start_tls(void)
{
    mbedtls_entropy_init(&tls.entropy);
    mbedtls_ctr_drbg_init(&tls.random);
    must(mbedtls_ctr_drbg_seed(&tls.random, mbedtls_entropy_func,
                               &tls.entropy, NULL, 0), "seeding");
#ifdef STANDIN_PSA
    must((int)psa_crypto_init(), "setting up PSA");
#endif
    make_certificates();
    configure_tls();
}

#endif
