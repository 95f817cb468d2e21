/* drip - the service as it is when a model thinks: lines that come one by
 * one, each with the time at which it was sent. Plain HTTP, for nginx.
 *
 *     drip PORT LINES
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int listen_on(int port)
{
    struct sockaddr_in name;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(&name, 0, sizeof name);
    name.sin_family = AF_INET;
    name.sin_port = htons((in_port_t)port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&name, sizeof name) != 0 ||
        listen(fd, 8) != 0) {
        perror("drip");
        exit(1);
    }
    return fd;
}

static void send_text(int fd, const char *text)
{
    send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void send_line(int fd)
{
    struct timespec now;
    char line[80], chunk[96];
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(line, sizeof line, "{\"type\":\"text\",\"text\":\"%lld\"}\n",
             (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", (unsigned)strlen(line), line);
    send_text(fd, chunk);
}

static void answer(int fd, int lines)
{
    static const struct timespec pause = {0, 500000};
    char unread[4096];
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    recv(fd, unread, sizeof unread, 0);
    send_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n"
                  "Content-Type: application/x-ndjson\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n");
    for (; lines > 0; lines--) {
        nanosleep(&pause, NULL);
        send_line(fd);
    }
    send_text(fd, "0\r\n\r\n");
    shutdown(fd, SHUT_WR);
    while (recv(fd, unread, sizeof unread, 0) > 0)
        continue;
    close(fd);
}

int main(int argc, char **argv)
{
    int fd;
    if (argc != 3)
        return 2;
    fd = listen_on(atoi(argv[1]));
    for (;;)
        answer(accept(fd, NULL, NULL), atoi(argv[2]));
}
