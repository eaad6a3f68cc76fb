# SPDX-License-Identifier: MIT
#
# rules.mk - a stand-in for the buildroot's: where things are, and the target's tools
BUILD_DIR := $(TOPDIR)/build
INCLUDE_DIR := $(TOPDIR)
DL_DIR := $(TOPDIR)/dl
TARGET_CC := target-gcc
TARGET_AR := target-ar
TARGET_CFLAGS := -Os
TARGET_CPPFLAGS := -I/target
TARGET_LDFLAGS := -L/target
CP := cp -fpR
TAR := tar
INSTALL_DIR := install -d -m0755
INSTALL_BIN := install -m0755
INSTALL_DATA := install -m0644
INSTALL_CONF := install -m0600
