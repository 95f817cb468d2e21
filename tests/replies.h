/* replies.h - replies of HTTP/1.1 to one question, good ones and all kinds of
 * bad ones, and what has to become of them. */
#ifndef REPLIES_H
#define REPLIES_H

#include "script.h"

/* A chat's answer of 64 bytes, in two halves of 32 (20 in hexadecimal). */
#define HALF_1 "{\"success\":true,\"result\":{\"messa"
#define HALF_2 "ge\":{\"content\":\"Halo juga!!!\"}}}"
#define BODY HALF_1 HALF_2
#define TEXT "Halo juga!!!"

#define OK "HTTP/1.1 200 OK\r\n"
#define JSON "Content-Type: application/json\r\n"
#define SIZED "Content-Length: 64\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define END "\r\n"
#define PIECES "20\r\n" HALF_1 "\r\n20\r\n" HALF_2 "\r\n"
#define CHUNKS PIECES "0\r\n\r\n"

/* When a reply's bytes settle what becomes of it. */
typedef enum reply_kind {
    SETTLED,   /* by themselves, however the connection goes on */
    CUT_SHORT, /* never: the connection's end makes it a truncation */
    UNTIL_END  /* its clean end is what ends the body */
} reply_kind;

typedef struct reply_row {
    const char *name;
    const char *bytes;
    size_t length;
    reply_kind kind;
    puter_result result;
} reply_row;

#define ROW(name, bytes, kind, result) \
    {name, bytes, sizeof(bytes) - 1, kind, result}
#define GOOD(name, bytes) ROW(name, bytes, SETTLED, PUTER_OK)
#define BAD(name, bytes) ROW(name, bytes, SETTLED, PUTER_ERR_PROTOCOL)
#define CUT(name, bytes) ROW(name, bytes, CUT_SHORT, PUTER_ERR_CLOSED)

#define WITH_LENGTH(value) OK JSON "Content-Length:" value "\r\n" END BODY
#define WITH_CODING(value) OK JSON "Transfer-Encoding:" value "\r\n" END CHUNKS
#define WITH_FIELD(line) OK JSON line SIZED END BODY
#define WITH_CHUNKS(chunks) OK JSON CHUNKED END chunks
#define WITH_START(line) line JSON SIZED END BODY

static const reply_row reply_rows[] = {
    /* framing by length (RFC 9112, 6.3) */
    GOOD("length", WITH_LENGTH(" 64")),
    GOOD("length without space", WITH_LENGTH("64")),
    GOOD("length in white space", WITH_LENGTH(" \t 64 \t ")),
    GOOD("length with zeros before it", WITH_LENGTH(" 0064")),
    GOOD("length in another case", OK JSON "cONTENT-lENGTH: 64\r\n" END BODY),
    BAD("length +64", WITH_LENGTH(" +64")),
    BAD("length -64", WITH_LENGTH(" -64")),
    BAD("length 0x40", WITH_LENGTH(" 0x40")),
    BAD("length 6 4", WITH_LENGTH(" 6 4")),
    BAD("length 64,", WITH_LENGTH(" 64,")),
    BAD("length ,64", WITH_LENGTH(" ,64")),
    BAD("length 64.0", WITH_LENGTH(" 64.0")),
    BAD("length 64;", WITH_LENGTH(" 64;")),
    BAD("length 64x", WITH_LENGTH(" 64x")),
    BAD("length six", WITH_LENGTH(" six")),
    BAD("length empty", WITH_LENGTH("")),
    BAD("length blank", WITH_LENGTH("   ")),
    BAD("length \"64\"", WITH_LENGTH(" \"64\"")),
    BAD("length list 64, 65", WITH_LENGTH(" 64, 65")),
    BAD("length list 64, 64", WITH_LENGTH(" 64, 64")),
    BAD("length 2^63", WITH_LENGTH(" 9223372036854775808")),
    BAD("length 2^64 + 64", WITH_LENGTH(" 18446744073709551680")),
    BAD("length of 40 digits",
        WITH_LENGTH(" 1000000000000000000000000000000000000064")),
    BAD("two lengths", OK JSON SIZED "Content-Length: 65\r\n" END BODY),
    BAD("a length twice", OK JSON SIZED SIZED END BODY),
    ROW("length beyond the limit", WITH_LENGTH(" 1000000000000000000"),
        SETTLED, PUTER_ERR_LIMIT),
    CUT("length unmet by one", WITH_LENGTH(" 65")),
    CUT("length and no body", OK JSON SIZED END),
    CUT("length and half a body", OK JSON SIZED END HALF_1),
    /* transfer codings (RFC 9112, 6.1 and 7) */
    GOOD("chunked", WITH_CODING(" chunked")),
    GOOD("chunked in another case", WITH_CODING(" cHunKED")),
    GOOD("chunked in white space", WITH_CODING(" \tchunked \t")),
    BAD("coding and length", OK JSON SIZED CHUNKED END CHUNKS),
    BAD("coding and length 0",
        OK JSON CHUNKED "Content-Length: 0\r\n" END CHUNKS),
    BAD("gzip, chunked", WITH_CODING(" gzip, chunked")),
    BAD("gzip", WITH_CODING(" gzip")),
    BAD("chunked, gzip", WITH_CODING(" chunked, gzip")),
    BAD("chunked, chunked", WITH_CODING(" chunked, chunked")),
    BAD("identity", WITH_CODING(" identity")),
    BAD("xchunked", WITH_CODING(" xchunked")),
    BAD("chunkedx", WITH_CODING(" chunkedx")),
    BAD("chunked;q=1", WITH_CODING(" chunked;q=1")),
    BAD("\"chunked\"", WITH_CODING(" \"chunked\"")),
    BAD("no coding", WITH_CODING("")),
    BAD("chunked and a vertical tab", WITH_CODING(" \vchunked")),
    BAD("two codings",
        OK JSON "Transfer-Encoding: gzip\r\n" CHUNKED END CHUNKS),
    BAD("chunked twice", OK JSON CHUNKED CHUNKED END CHUNKS),
    GOOD("chunked in HTTP/1.0",
         "HTTP/1.0 200 OK\r\n" JSON CHUNKED END CHUNKS),
    /* chunks (RFC 9112, 7.1) */
    GOOD("size with zeros before it",
         WITH_CHUNKS("0040\r\n" BODY "\r\n0\r\n\r\n")),
    GOOD("size in capitals",
         WITH_CHUNKS("A\r\n{\"success\"\r\n1C\r\n:true,\"result\":{\"message\":"
                     "{\"\r\n1a\r\ncontent\":\"Halo juga!!!\"}}}\r\n"
                     "000\r\n\r\n")),
    GOOD("second size with zeros before it",
         WITH_CHUNKS("20\r\n" HALF_1 "\r\n0020\r\n" HALF_2
                     "\r\n0\r\n\r\n")),
    GOOD("second size with more zeros before it",
         WITH_CHUNKS("20\r\n" HALF_1 "\r\n00020\r\n" HALF_2
                     "\r\n0\r\n\r\n")),
    GOOD("extension",
         WITH_CHUNKS("40;a=b;c\r\n" BODY "\r\n0;d=\"e\"\r\n\r\n")),
    GOOD("extension in white space",
         WITH_CHUNKS("40 ; a = \"b;c\"\r\n" BODY "\r\n0\t;\td\r\n\r\n")),
    GOOD("extension with quotes",
         WITH_CHUNKS("40;a=\"b\\\"\\\\c\"\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("size +40", WITH_CHUNKS("+40\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("size -40", WITH_CHUNKS("-40\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("size 0x40", WITH_CHUNKS("0x40\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("size 4_0", WITH_CHUNKS("4_0\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("size 4 0", WITH_CHUNKS("4 0\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("size after a space", WITH_CHUNKS(" 40\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("size after a tab", WITH_CHUNKS("\t40\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("size 40g", WITH_CHUNKS("40g\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("size 64.", WITH_CHUNKS("40.\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("no size", WITH_CHUNKS("\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("extension and no size", WITH_CHUNKS(";a=b\r\n\r\n")),
    BAD("extension and no last size", WITH_CHUNKS(PIECES ";a=b\r\n\r\n")),
    BAD("no last size", WITH_CHUNKS(PIECES "\r\n\r\n")),
    BAD("size 2^64 + 64",
        WITH_CHUNKS("10000000000000040\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("size 2^64 - 1", WITH_CHUNKS("ffffffffffffffff\r\n" BODY)),
    BAD("size 2^62", WITH_CHUNKS("4000000000000000\r\n" BODY)),
    BAD("size 2^63", WITH_CHUNKS("8000000000000000\r\n" BODY)),
    BAD("bare LF after the size", WITH_CHUNKS("40\n" BODY "\r\n0\r\n\r\n")),
    BAD("bare CR after the size", WITH_CHUNKS("40\r" BODY "\r\n0\r\n\r\n")),
    BAD("bare CR after the second size",
        WITH_CHUNKS("20\r\n" HALF_1 "\r\n20\r" HALF_2 "\r\n0\r\n\r\n")),
    BAD("bare LF after an extension of the second size",
        WITH_CHUNKS("20\r\n" HALF_1 "\r\n20;\n" HALF_2 "\r\n0\r\n\r\n")),
    BAD("bare LF in an extension",
        WITH_CHUNKS("40;a\n" BODY "\r\n0\r\n\r\n")),
    BAD("bare CR in an extension",
        WITH_CHUNKS("40;a\rb\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("NUL in an extension",
        WITH_CHUNKS("40;a\0b\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("another byte and LF after the data",
        WITH_CHUNKS("40\r\n" BODY "x\n0\r\n\r\n")),
    BAD("nothing after the data", WITH_CHUNKS("20\r\n" HALF_1 "20\r\n" HALF_2)),
    BAD("bare LF after the data",
        WITH_CHUNKS("40\r\n" BODY "\n0\r\n\r\n")),
    BAD("bare CR after the data",
        WITH_CHUNKS("40\r\n" BODY "\r0\r\n\r\n")),
    BAD("CR and another byte after the data",
        WITH_CHUNKS("40\r\n" BODY "\rx0\r\n\r\n")),
    BAD("data longer than its size",
        WITH_CHUNKS("3f\r\n" BODY "\r\n0\r\n\r\n")),
    BAD("data shorter than its size",
        WITH_CHUNKS("41\r\n" BODY "\r\n0\r\n\r\n")),
    CUT("no chunk", WITH_CHUNKS("")),
    CUT("half a size", WITH_CHUNKS("2")),
    CUT("half a chunk", WITH_CHUNKS("40\r\n" HALF_1)),
    CUT("no CRLF after the data", WITH_CHUNKS("40\r\n" BODY)),
    CUT("no last chunk", WITH_CHUNKS(PIECES)),
    CUT("half a last chunk", WITH_CHUNKS(PIECES "0")),
    CUT("no end of the trailers", WITH_CHUNKS(PIECES "0\r\n")),
    CUT("half an end of the trailers", WITH_CHUNKS(PIECES "0\r\n\r")),
    /* trailers */
    GOOD("trailers", WITH_CHUNKS(PIECES "0\r\nETag: x\r\nA:\r\n\r\n")),
    GOOD("trailer with a status line's look",
         WITH_CHUNKS(PIECES "0\r\nX: HTTP/1.1 500 No\r\n\r\n")),
    GOOD("trailers that would frame a body",
         WITH_CHUNKS(PIECES "0\r\nContent-Length: 5\r\n"
                            "Transfer-Encoding: gzip\r\n\r\n")),
    GOOD("trailers that would change its kind",
         WITH_CHUNKS(PIECES "0\r\nContent-Type: text/html\r\n"
                            "Content-Encoding: gzip\r\n\r\n")),
    BAD("trailer with NUL", WITH_CHUNKS(PIECES "0\r\nA: \0\r\n\r\n")),
    BAD("folded trailer", WITH_CHUNKS(PIECES "0\r\nA: b\r\n c\r\n\r\n")),
    BAD("trailer without a colon", WITH_CHUNKS(PIECES "0\r\nETag\r\n\r\n")),
    BAD("trailer with a bare LF", WITH_CHUNKS(PIECES "0\r\nA: b\n\r\n")),
    BAD("trailers ended by a bare LF", WITH_CHUNKS(PIECES "0\r\n\n")),
    CUT("trailer cut", WITH_CHUNKS(PIECES "0\r\nETag: x")),
    /* until the connection ends */
    ROW("no framing", OK JSON END BODY, UNTIL_END, PUTER_OK),
    ROW("no framing in HTTP/1.0", "HTTP/1.0 200 OK\r\n" JSON END BODY,
        UNTIL_END, PUTER_OK),
    /* fields (RFC 9112, 5 and RFC 9110, 5.5) */
    GOOD("empty value", WITH_FIELD("X-Empty:\r\n")),
    GOOD("blank value", WITH_FIELD("X-Empty: \t \r\n")),
    GOOD("value of bytes beyond ASCII", WITH_FIELD("X: caf\xE9 \xFF\r\n")),
    GOOD("value with a tab and colons", WITH_FIELD("X: a:\tb: c\r\n")),
    GOOD("name of every mark", WITH_FIELD("!#$%&'*+-.^_`|~09aZ: x\r\n")),
    GOOD("identity encoding", WITH_FIELD("Content-Encoding: identity\r\n")),
    GOOD("empty encoding", WITH_FIELD("Content-Encoding:\r\n")),
    BAD("folded line", WITH_FIELD("X: a\r\n b\r\n")),
    BAD("line folded by a tab", WITH_FIELD("X: a\r\n\tb\r\n")),
    BAD("space before the first field",
        OK " X: a\r\n" JSON SIZED END BODY),
    BAD("bare LF after the status line", WITH_START("HTTP/1.1 200 OK\n")),
    BAD("bare LF after a field", WITH_FIELD("X: a\n")),
    BAD("bare LF as the empty line", OK JSON SIZED "\n" BODY),
    BAD("bare LFs at the end", OK JSON "Content-Length: 64\n\n" BODY),
    BAD("bare CR in a value", WITH_FIELD("X: a\rb\r\n")),
    BAD("bare CR in a name", WITH_FIELD("X\rY: a\r\n")),
    BAD("CR before CRLF", WITH_FIELD("X: a\r\r\n")),
    CUT("bare CR as the empty line", OK JSON SIZED "\r" BODY),
    BAD("DEL in a value", WITH_FIELD("X: a\x7f\r\n")),
    BAD("NUL in a value", WITH_FIELD("X: a\0b\r\n")),
    BAD("NUL in a name", WITH_FIELD("X\0: a\r\n")),
    BAD("NUL after the length", WITH_LENGTH(" 64\0")),
    BAD("space before the colon", WITH_FIELD("X : a\r\n")),
    BAD("tab before the colon", WITH_FIELD("X\t: a\r\n")),
    BAD("space before the length's colon",
        OK JSON "Content-Length : 64\r\n" END BODY),
    BAD("no name", WITH_FIELD(": a\r\n")),
    BAD("space in a name", WITH_FIELD("X Y: a\r\n")),
    BAD("bracket in a name", WITH_FIELD("X(Y): a\r\n")),
    BAD("name beyond ASCII", WITH_FIELD("X\xC3\xA9: a\r\n")),
    BAD("control byte in a name", WITH_FIELD("X\x01: a\r\n")),
    BAD("no colon", WITH_FIELD("XYZ\r\n")),
    BAD("gzip unasked", WITH_FIELD("Content-Encoding: gzip\r\n")),
    BAD("brotli unasked", WITH_FIELD("content-encoding: br\r\n")),
    /* the status line (RFC 9112, 4) */
    GOOD("HTTP/1.0", WITH_START("HTTP/1.0 200 OK\r\n")),
    GOOD("HTTP/1.2", WITH_START("HTTP/1.2 200 OK\r\n")),
    GOOD("HTTP/1.9", WITH_START("HTTP/1.9 200 OK\r\n")),
    GOOD("no reason", WITH_START("HTTP/1.1 200 \r\n")),
    GOOD("reason beyond ASCII", WITH_START("HTTP/1.1 200 \xC3\xA7 \xE9\r\n")),
    GOOD("reason with digits", WITH_START("HTTP/1.1 200 404 500\r\n")),
    BAD("HTTP/0.9", "<html>Halo</html>\r\n\r\n"),
    BAD("HTTP/0.9 by name", WITH_START("HTTP/0.9 200 OK\r\n")),
    BAD("HTTP/1.x", WITH_START("HTTP/1.x 200 OK\r\n")),
    BAD("HTTP/2.0", WITH_START("HTTP/2.0 200 OK\r\n")),
    BAD("HTTP/2", WITH_START("HTTP/2 200 OK\r\n")),
    BAD("HTTP/1.10", WITH_START("HTTP/1.10 200 OK\r\n")),
    BAD("HTTP/1", WITH_START("HTTP/1 200 OK\r\n")),
    BAD("HTTP/11", WITH_START("HTTP/11 200 OK\r\n")),
    BAD("HTTP/1,1", WITH_START("HTTP/1,1 200 OK\r\n")),
    BAD("HTTP/01.1", WITH_START("HTTP/01.1 200 OK\r\n")),
    BAD("http/1.1", WITH_START("http/1.1 200 OK\r\n")),
    BAD("HTTPS/1.1", WITH_START("HTTPS/1.1 200 OK\r\n")),
    BAD("ICY", WITH_START("ICY 200 OK\r\n")),
    BAD("garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    BAD("a TLS alert", "\x15\x03\x03\x00\x02\x02\x28\r\n\r\n"),
    BAD("byte order mark", WITH_START("\xEF\xBB\xBF" OK)),
    BAD("space before it", WITH_START(" " OK)),
    BAD("no status", WITH_START("HTTP/1.1\r\n")),
    BAD("blank status", WITH_START("HTTP/1.1  OK\r\n")),
    BAD("two spaces", WITH_START("HTTP/1.1  200 OK\r\n")),
    BAD("tab", WITH_START("HTTP/1.1\t200\tOK\r\n")),
    BAD("status 20", WITH_START("HTTP/1.1 20 OK\r\n")),
    BAD("status 2000", WITH_START("HTTP/1.1 2000 OK\r\n")),
    BAD("status 2x0", WITH_START("HTTP/1.1 2x0 OK\r\n")),
    BAD("status :00", WITH_START("HTTP/1.1 :00 OK\r\n")),
    BAD("status -20", WITH_START("HTTP/1.1 -20 OK\r\n")),
    BAD("status 000", WITH_START("HTTP/1.1 000 OK\r\n")),
    BAD("status 099", WITH_START("HTTP/1.1 099 OK\r\n")),
    BAD("NUL in the reason", WITH_START("HTTP/1.1 200 O\0K\r\n")),
    BAD("bare CR in the reason", WITH_START("HTTP/1.1 200 O\rK\r\n")),
    /* interim replies (RFC 9110, 15.2) */
    GOOD("100", "HTTP/1.1 100 Continue\r\n\r\n" OK JSON SIZED END BODY),
    GOOD("102 and 103",
         "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
         "Link: </a>\r\n\r\n" OK JSON SIZED END BODY),
    GOOD("100 with a length",
         "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n" OK JSON SIZED END
             BODY),
    GOOD("100 with a coding",
         "HTTP/1.1 100 Continue\r\n" CHUNKED END OK JSON SIZED END BODY),
    GOOD("100 with both",
         "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n" CHUNKED END OK JSON
             SIZED END BODY),
    GOOD("103 with a type",
         "HTTP/1.1 103 Early Hints\r\nContent-Type: application/x-ndjson\r\n"
         "\r\n" OK SIZED END BODY),
    BAD("101 unasked",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n"
        "Connection: upgrade\r\n\r\n" OK JSON SIZED END BODY),
    BAD("100 with a folded line",
        "HTTP/1.1 100 Continue\r\nX: a\r\n b\r\n\r\n" OK JSON SIZED END BODY),
    CUT("100 and nothing else", "HTTP/1.1 100 Continue\r\n\r\n"),
    CUT("half a 100", "HTTP/1.1 100 Continue\r\n"),
    /* replies that have no body, whatever they say (RFC 9112, 6.3) */
    BAD("204 with a length", "HTTP/1.1 204 No Content\r\n" SIZED END),
    BAD("204 chunked", "HTTP/1.1 204 No Content\r\n" CHUNKED END),
    BAD("304 with a length", "HTTP/1.1 304 Not Modified\r\n" SIZED END),
    /* more than the reply: neither delivered nor in the way */
    GOOD("surplus behind a length", WITH_LENGTH(" 64") "surplus"),
    GOOD("surplus behind chunks", WITH_CHUNKS(CHUNKS) "20\r\n"),
    GOOD("two replies", WITH_LENGTH(" 64") WITH_LENGTH(" 64")),
    /* nothing that a chat can use */
    BAD("empty body", OK JSON "Content-Length: 0\r\n" END),
    BAD("empty chunks", WITH_CHUNKS("0\r\n\r\n")),
    BAD("HTML", OK "Content-Type: text/html\r\nContent-Length: 13\r\n" END
                   "<html></html>"),
    BAD("half a document", WITH_LENGTH(" 63")),
    BAD("a document that is a string",
        OK JSON "Content-Length: 6\r\n" END "\"Halo\""),
};

/* What becomes of one, by how its connection goes on. */
static inline puter_result reply_wanted(const reply_row *it, script_end end)
{
    if (it->kind == SETTLED || (it->kind == UNTIL_END && end == SCRIPT_CLEAN))
        return it->result;
    return end == SCRIPT_SILENT ? PUTER_ERR_TIMEOUT : PUTER_ERR_CLOSED;
}

#endif
