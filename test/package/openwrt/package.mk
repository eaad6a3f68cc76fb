# SPDX-License-Identifier: MIT
#
# package.mk - a stand-in for the buildroot's: runs the recipes of a package's Makefile
#
#   make prepare compile | install-PACKAGE ROOT=dir | print-PACKAGE-KEY

.DEFAULT_GOAL := prepare
PACKAGES :=

# "  KEY:=value" of a definition, as a variable.
key_of = $(patsubst $(2):=%,%,$(filter $(2):=%,$(Package/$(1))))

define Download
endef

define BuildPackage
PACKAGES += $(1)
install-$(1):
	$$(call Package/$(1)/install,$$(ROOT))
print-$(1)-%:
	@echo '$$(call key_of,$(1),$$*)'
endef

prepare:
	$(Build/Prepare)
compile:
	$(Build/Compile)
