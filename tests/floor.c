/* floor - hello's exchange written straight on Mbed TLS 3.6, as small as it
 * gets: what `make size` holds programs over puter.h against. The service's
 * origin, CA and token come from the environment; the reply goes out as it
 * comes in, and no error says more than that it is one.
 */
#define _POSIX_C_SOURCE 200809L
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <netdb.h>
#include <psa/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char request[] =
    "POST /drivers/call HTTP/1.1\r\n"
    "Host: localhost\r\n"
    "Authorization: Bearer test-token-of-a-script\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 146\r\n"
    "Connection: close\r\n"
    "\r\n"
    "{\"interface\":\"puter-chat-completion\",\"driver\":\"ai-chat\","
    "\"method\":\"complete\",\"args\":{\"model\":\"gpt-4\",\"messages\":"
    "[{\"content\":\"Halo, siapa kamu?\"}]}}";

static int dial(const char *host, const char *port)
{
    struct addrinfo wanted = {0}, *found;
    int fd;

    wanted.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host, port, &wanted, &found) != 0)
        return -1;
    fd = socket(found->ai_family, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static int send_to(void *fd, const unsigned char *data, size_t size)
{
    return (int)send(*(int *)fd, data, size, MSG_NOSIGNAL);
}

static int receive_from(void *fd, unsigned char *data, size_t size)
{
    return (int)recv(*(int *)fd, data, size, 0);
}

static bool read_roots(mbedtls_x509_crt *roots, const char *path)
{
    static unsigned char pem[8192];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(pem, 1, sizeof pem - 1, file) : 0;

    if (file)
        fclose(file);
    return size > 0 && mbedtls_x509_crt_parse(roots, pem, size + 1) == 0;
}

static bool ask(mbedtls_ssl_context *tls)
{
    unsigned char piece[512];
    int got = mbedtls_ssl_write(tls, (const unsigned char *)request,
                                sizeof request - 1);

    if (got != (int)sizeof request - 1)
        return false;
    do {
        got = mbedtls_ssl_read(tls, piece, sizeof piece);
        if (got > 0)
            fwrite(piece, 1, (size_t)got, stdout);
    } while (got > 0 || got == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET);
    return got == 0 || got == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY;
}

int main(void)
{
    static mbedtls_entropy_context entropy;
    static mbedtls_ctr_drbg_context random;
    static mbedtls_x509_crt roots;
    static mbedtls_ssl_config config;
    static mbedtls_ssl_context tls;
    const char *port = strrchr(getenv("PUTER_API_ORIGIN"), ':') + 1;
    int fd = dial("localhost", port);

    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_ssl_config_init(&config);
    mbedtls_ssl_init(&tls);
#ifdef MBEDTLS_SSL_PROTO_TLS1_3
    psa_crypto_init();
#endif
    if (fd < 0 || !read_roots(&roots, getenv("SSL_CERT_FILE")) ||
        mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, NULL,
                              0) != 0)
        return 1;
    mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT,
                                MBEDTLS_SSL_TRANSPORT_STREAM,
                                MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    mbedtls_ssl_conf_ca_chain(&config, &roots, NULL);
    mbedtls_ssl_setup(&tls, &config);
    mbedtls_ssl_set_hostname(&tls, "localhost");
    mbedtls_ssl_set_bio(&tls, &fd, send_to, receive_from, NULL);
    return !ask(&tls);
}
