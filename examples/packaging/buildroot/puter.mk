################################################################################
#
# puter: package/puter/puter.mk, beside Config.in. PUTER_SITE is where you keep
# the sources.
#
################################################################################

PUTER_VERSION = 0.1.0
PUTER_SITE = https://example.com/puter
PUTER_LICENSE = MIT
PUTER_LICENSE_FILES = LICENSE
PUTER_DEPENDENCIES = mbedtls
PUTER_INSTALL_STAGING = YES

define PUTER_BUILD_CMDS
	$(TARGET_CC) $(TARGET_CFLAGS) -std=c99 -I$(@D) $(@D)/examples/chat.c \
		-o $(@D)/puter-chat $(TARGET_LDFLAGS) \
		-lmbedtls -lmbedx509 -lmbedcrypto
endef

define PUTER_INSTALL_STAGING_CMDS
	$(INSTALL) -D -m 0644 $(@D)/puter.h $(STAGING_DIR)/usr/include/puter.h
endef

define PUTER_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(@D)/puter-chat $(TARGET_DIR)/usr/bin/puter-chat
endef

$(eval $(generic-package))
