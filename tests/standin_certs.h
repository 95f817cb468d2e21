/* standin_certs.h - the stand-in's test CA and its server certificate, made
 * anew at each start: nothing secret is ever committed or left on disk. */
#ifndef STANDIN_CERTS_H
#define STANDIN_CERTS_H

#include "certs.h"
#include "standin_base.h"

#ifdef MBEDTLS_SSL_TICKET_C
#include <mbedtls/ssl_ticket.h>
#endif

#define CA_NAME "CN=Stand-in test CA,O=puter.h tests"
#define SERVER_NAME "CN=api.puter.localhost,O=puter.h tests"

static const san right_names[] = {
    SAN(SAN_DNS, "localhost"),
    SAN(SAN_DNS, "api.puter.localhost"),
    SAN(SAN_DNS, "puter.localhost"),
    SAN(SAN_IP, "\x7f\0\0\x01"),
    SAN(SAN_IP, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"),
    {0, 0, NULL},
};

static const san wrong_names[] = {
    SAN(SAN_DNS, "elsewhere.test.com"),
    {0, 0, NULL},
};

static struct {
    mbedtls_pk_context ca_key, key;
    mbedtls_x509_crt chain;
    mbedtls_ssl_config config;
#ifdef MBEDTLS_SSL_TICKET_C
    mbedtls_ssl_ticket_context tickets;
#endif
} tls;

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
static cert_der make_server_certificate(void)
{
    cert server = {0};
    cert_der der;
    mbedtls_pk_context other_key;
    cert_make_key(&other_key);
    server.subject = SERVER_NAME;
    server.issuer = CA_NAME;
    server.key = &tls.key;
    server.issuer_key = &tls.ca_key;
    server.names = right_names;
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
        server.issuer_key = server.key;
        break;
    case FAULT_UNTRUSTED:
        server.issuer_key = &other_key;
        break;
    default:
        break;
    }
    der = cert_make(&server);
    mbedtls_pk_free(&other_key);
    return der;
}

static void make_certificates(void)
{
    cert ca = {0};
    cert_der der;
    char pem[2048];
    cert_make_key(&tls.ca_key);
    cert_make_key(&tls.key);
    ca.subject = ca.issuer = CA_NAME;
    ca.key = ca.issuer_key = &tls.ca_key;
    ca.ca = true;
    der = cert_make(&ca);
    cert_pem(&der, pem, sizeof pem);
    publish_ca(pem);
    der = make_server_certificate();
    mbedtls_x509_crt_init(&tls.chain);
    must(mbedtls_x509_crt_parse_der(&tls.chain, der.bytes, der.length),
         "reading a certificate");
}

/* Session tickets, so that clients meet them. */
static void offer_tickets(void)
{
#if defined(MBEDTLS_SSL_TICKET_C) && defined(MBEDTLS_SSL_SESSION_TICKETS)
    mbedtls_ssl_ticket_init(&tls.tickets);
    must(mbedtls_ssl_ticket_setup(&tls.tickets, mbedtls_ctr_drbg_random,
                                  &cert_random, MBEDTLS_CIPHER_AES_256_GCM,
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
    mbedtls_ssl_conf_rng(&tls.config, mbedtls_ctr_drbg_random, &cert_random);
    must(mbedtls_ssl_conf_own_cert(&tls.config, &tls.chain, &tls.key),
         "configuring the certificate");
    offer_tickets();
}

static void start_tls(void)
{
    cert_start();
#ifdef TLS_OVER_PSA
    must((int)psa_crypto_init(), "setting up PSA");
#endif
    make_certificates();
    configure_tls();
}

#endif
