/* bare - the floor: the same bytes sent and read by a loop straight on Mbed
 * TLS, which understands none of them. The request is read from standard
 * input; SIZE is how many lines the reply has, if it is a stream.
 */
#define _POSIX_C_SOURCE 200809L
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "bench.h"

static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context random_state;
static mbedtls_x509_crt roots;
static mbedtls_ssl_config config;
static mbedtls_ssl_context ssl;
static mbedtls_ssl_session session; /* taken up again, as the others do */
static bool has_session;
static mbedtls_net_context net;
static unsigned char request[8192], input[16384 + 1];
static size_t request_size;
static size_t reply_size; /* head and body; 0: not yet known */

static void check(int error)
{
    char text[64];
    snprintf(text, sizeof text, "Mbed TLS: -0x%04X", (unsigned)-error);
    if (error < 0)
        bench_fail(text);
}

static void open_connection(void)
{
    char port[8] = "443";
    int on = 1;
    sscanf(bench_where, "https://localhost:%7[0-9]", port);
    mbedtls_net_init(&net);
    check(mbedtls_net_connect(&net, "127.0.0.1", port, MBEDTLS_NET_PROTO_TCP));
    setsockopt(net.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    mbedtls_ssl_init(&ssl);
    check(mbedtls_ssl_setup(&ssl, &config));
    check(mbedtls_ssl_set_hostname(&ssl, "localhost"));
    mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
    if (has_session)
        check(mbedtls_ssl_set_session(&ssl, &session));
    check(mbedtls_ssl_handshake(&ssl));
    if (!has_session)
        check(mbedtls_ssl_get_session(&ssl, &session));
    has_session = true;
}

static void close_connection(void)
{
    mbedtls_ssl_free(&ssl);
    mbedtls_net_free(&net);
}

static void send_request(void)
{
    size_t sent = 0;
    while (sent < request_size) {
        int count =
            mbedtls_ssl_write(&ssl, request + sent, request_size - sent);
        check(count);
        sent += (size_t)count;
    }
}

/* How many bytes came; 0 at the end. */
static size_t read_some(void)
{
    int count = mbedtls_ssl_read(&ssl, input, sizeof input - 1);
    if (count == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
        count = 0;
    check(count);
    input[count] = '\0';
    return (size_t)count;
}

/* The size of a reply from its first bytes, which hold its whole head. */
static size_t whole_size(void)
{
    const char *text = (const char *)input, *field, *end;
    field = strstr(text, "Content-Length: ");
    end = strstr(text, "\r\n\r\n");
    if (strncmp(text, "HTTP/1.1 200 ", 13) != 0 || !field || !end)
        bench_fail("no such reply was expected");
    return (size_t)(end + 4 - text) + (size_t)atol(field + 16);
}

static void chat(long rounds)
{
    if (!reply_size)
        open_connection();
    for (; rounds > 0; rounds--) {
        size_t size;
        send_request();
        size = read_some();
        if (!reply_size)
            reply_size = whole_size();
        while (size < reply_size)
            size += read_some();
        bench_units++;
    }
}

static void stream(long rounds)
{
    for (; rounds > 0; rounds--) {
        open_connection();
        send_request();
        while (read_some() > 0)
            continue;
        close_connection();
        bench_units += (double)bench_size;
    }
}

static void arrival(long rounds)
{
    for (; rounds > 0; rounds--) {
        open_connection();
        send_request();
        while (read_some() > 0) {
            const char *text = strstr((const char *)input, "\"text\":\"");
            if (text)
                bench_sample_age(text + 8);
        }
        close_connection();
    }
}

static void begin(void)
{
    request_size = fread(request, 1, sizeof request, stdin);
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random_state);
    mbedtls_x509_crt_init(&roots);
    mbedtls_ssl_session_init(&session);
    mbedtls_ssl_config_init(&config);
    check(mbedtls_ctr_drbg_seed(&random_state, mbedtls_entropy_func, &entropy,
                                NULL, 0));
    check(mbedtls_x509_crt_parse_file(&roots, getenv("SSL_CERT_FILE")));
    check(mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT,
                                      MBEDTLS_SSL_TRANSPORT_STREAM,
                                      MBEDTLS_SSL_PRESET_DEFAULT));
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(&config, &roots, NULL);
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random_state);
}

int main(int argc, char **argv)
{
    static const bench_work works[] = {
        {"chat", chat, CLOCK_MONOTONIC},
        {"stream", stream, CLOCK_PROCESS_CPUTIME_ID},
        {"arrival", arrival, CLOCK_MONOTONIC},
        {NULL, NULL, CLOCK_MONOTONIC}};
    int status = bench_main(argc, argv, works, begin);
    if (reply_size)
        close_connection();
    mbedtls_ssl_session_free(&session);
    mbedtls_ssl_config_free(&config);
    mbedtls_x509_crt_free(&roots);
    mbedtls_ctr_drbg_free(&random_state);
    mbedtls_entropy_free(&entropy);
    return status;
}
