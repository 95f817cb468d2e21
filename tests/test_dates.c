/* test_dates.c - the dates of certificates, over an Mbed TLS that was built
 * not to look at them: puter.h is told that this one was. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <mbedtls/ssl.h>
#include <time.h>

static time_t machine_now;

static time_t machine_time(time_t *out)
{
    (void)out;
    return machine_now;
}

#undef MBEDTLS_HAVE_TIME_DATE
#define time(out) machine_time(out)
#define PUTER_IMPLEMENTATION
#include "../puter.h"
#undef time

#include "certs.h"
#include "check.h"

static const struct {
    time_t now;
    uint32_t wrong;
} rows[] = {
    {1, MBEDTLS_X509_BADCERT_FUTURE},
    {1577836800, MBEDTLS_X509_BADCERT_FUTURE},
    {1580601599, MBEDTLS_X509_BADCERT_FUTURE},
    {1580601600, 0}, /* 2020-02-02, 00:00:00 */
    {1581000000, 0},
    {1583107199, 0},
    {1583107200, 0}, /* 2020-03-02, 00:00:00 */
    {1583107201, MBEDTLS_X509_BADCERT_EXPIRED},
    {1583107260, MBEDTLS_X509_BADCERT_EXPIRED},
    {1583110800, MBEDTLS_X509_BADCERT_EXPIRED},
    {1614643200, MBEDTLS_X509_BADCERT_EXPIRED},
    {(time_t)INT64_MAX, MBEDTLS_X509_BADCERT_FUTURE}, /* is no date */
};

int main(void)
{
    mbedtls_pk_context key;
    mbedtls_x509_crt parsed;
    cert wanted = {.subject = "CN=x", .issuer = "CN=x", .key = &key,
                   .issuer_key = &key, .from = "20200202000000",
                   .until = "20200302000000"};
    cert_der der;
    size_t i;
    cert_start();
    cert_make_key(&key);
    der = cert_make(&wanted);
    mbedtls_x509_crt_init(&parsed);
    CHECK_INT(mbedtls_x509_crt_parse_der(&parsed, der.bytes, der.length), 0);
    for (i = 0; i < COUNT(rows); i++) {
        uint32_t wrong = 0;
        machine_now = rows[i].now;
        CHECK_IN("at %lld", (long long)rows[i].now);
        CHECK_INT(puter__tls_judge(NULL, &parsed, 0, &wrong), 0);
        CHECK_INT(wrong, rows[i].wrong);
    }
    mbedtls_x509_crt_free(&parsed);
    mbedtls_pk_free(&key);
    cert_stop();
    return check_done();
}
