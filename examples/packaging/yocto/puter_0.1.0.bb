# SRC_URI is where you keep the sources; then fill in the checksum.
SUMMARY = "Chat with the AI models behind a Puter service"
DESCRIPTION = "The program puter-chat, and puter.h, the C header it is made of"
LICENSE = "MIT"
LIC_FILES_CHKSUM = "file://LICENSE;md5=b5d10f2bbdf29d4690608e150dfbaa59"

SRC_URI = "https://example.com/puter/puter-${PV}.tar.gz"
SRC_URI[sha256sum] = "0000000000000000000000000000000000000000000000000000000000000000"

DEPENDS = "mbedtls"
RDEPENDS:${PN} = "ca-certificates"

do_compile() {
    ${CC} ${CPPFLAGS} ${CFLAGS} -std=c99 -I${S} ${S}/examples/chat.c \
        -o ${B}/puter-chat ${LDFLAGS} -lmbedtls -lmbedx509 -lmbedcrypto
}

do_install() {
    install -D -m 0755 ${B}/puter-chat ${D}${bindir}/puter-chat
    install -D -m 0644 ${S}/puter.h ${D}${includedir}/puter.h
}
