/* A CA store inside the program, for a machine that has no files: an array,
 * written by xxd, of the roots to trust, one or as many as you like.
 *
 *     xxd -i </etc/ssl/certs/ca-certificates.crt >roots.h
 *     cc -I. examples/embedded_ca.c -o embedded_ca \
 *         -lmbedtls -lmbedx509 -lmbedcrypto
 *
 * The array stays where the linker puts it, as a rule in flash. Of its roots
 * only those that a server's chain names are parsed, and kept only while the
 * chain is verified. DER (openssl x509 -outform DER) works as well as PEM and
 * is smaller.
 */
#define PUTER_NO_STDIO /* puter.h then opens no file */
#define PUTER_IMPLEMENTATION
#include "puter.h"
#include <stdio.h>

static const unsigned char roots[] = {
#include "roots.h"
};

int main(void)
{
    puter_options options = {0};
    puter_client *client;
    puter_reply reply;
    puter_result result;

    options.ca_data = roots;
    options.ca_size = sizeof roots;
    client = puter_open(&options);
    result = puter_ask(client, "gpt-4", "Halo, siapa kamu?", &reply);
    puts(result == PUTER_OK ? reply.text : puter_last_error(client)->message);
    puter_reply_free(&reply);
    puter_close(client);
    return result != PUTER_OK;
}
