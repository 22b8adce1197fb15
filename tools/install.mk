# SPDX-License-Identifier: ISC
# make install, make deb: what goes where on a system.
#
# PREFIX (/usr/local) and DESTDIR as usual; UNITDIR is where units of the system
# go. A package's build calls `install` like everybody else.

UNITDIR ?= $(PREFIX)/lib/systemd/system
dest = $(DESTDIR)$1
to_share = $(call dest,$(PREFIX)/share)
# What stands in @…@ is where the programs will be, not where they go now.
fill = sed -e 's|@BINDIR@|$(PREFIX)/bin|g' -e 's|@LIBDIR@|$(PREFIX)/lib/aumbry|g'

.PHONY: install install-programs install-manuals install-completion \
	install-system deb package-check

install: install-programs install-manuals install-completion install-system
	@$(if $(WASM_HERE),:,echo 'install: aumbryd has no account page: its \
	sources or clang-14 lack (tools/setup.sh demo)' >&2)

install-programs: all
	install -d '$(call dest,$(PREFIX)/bin)'
	install -m 755 $(PROGRAMS) '$(call dest,$(PREFIX)/bin)'

install-manuals:
	for m in docs/man/*.[158]; do \
		install -D -m 644 "$$m" \
		    '$(to_share)/man/man'"$${m##*.}/$${m##*/}" || exit 1; \
	done

install-completion: all
	install -d '$(to_share)/bash-completion/completions' \
	    '$(to_share)/zsh/site-functions' '$(to_share)/fish/vendor_completions.d'
	umask 022; for p in $(notdir $(PROGRAMS)); do \
		'$(B)'/$$p completion bash \
		    >'$(to_share)/bash-completion/completions/'$$p && \
		'$(B)'/$$p completion zsh \
		    >'$(to_share)/zsh/site-functions/_'$$p && \
		'$(B)'/$$p completion fish \
		    >'$(to_share)/fish/vendor_completions.d/'$$p.fish || exit 1; \
	done

# Units, users, the set-up of a server, examples: for all to read, whatever the
# umask of who installs.
install-system:
	install -d '$(call dest,$(UNITDIR))' '$(call dest,$(PREFIX)/sbin)' \
	    '$(call dest,$(PREFIX)/lib/systemd/user)' \
	    '$(call dest,$(PREFIX)/lib/sysusers.d)' \
	    '$(call dest,$(PREFIX)/lib/aumbry)'
	umask 022; for u in aumbryd aumbry-escrow; do \
		$(fill) system/$$u.service \
		    >'$(call dest,$(UNITDIR)/)'$$u.service || exit 1; \
	done
	umask 022; for u in agent drive; do $(fill) system/aumbry-$$u.service \
	    >'$(call dest,$(PREFIX)/lib/systemd/user)'/aumbry-$$u.service; done
	for s in aumbry-server aumbry-escrow; do \
		install -m 644 system/$$s.sysusers \
		    '$(call dest,$(PREFIX)/lib/sysusers.d/)'$$s.conf || exit 1; \
	done
	$(fill) system/aumbry-setup >'$(call dest,$(PREFIX)/sbin/aumbry-setup)'
	install -m 755 system/deploy-hook \
	    '$(call dest,$(PREFIX)/lib/aumbry/deploy-hook)'
	chmod 755 '$(call dest,$(PREFIX)/sbin/aumbry-setup)'
	install -d '$(to_share)/doc/aumbry-server'
	umask 022; cp -R docs/examples '$(to_share)/doc/aumbry-server/'
	install -m 644 docs/INSTALL.md '$(to_share)/doc/aumbry-server/server.md'

# Packages for Debian 12 in build/deb/; PAGE=no: without the account page.
deb:
	@tools/setup.sh deb
	@tools/deb.sh

package-check: deb
	@tools/package-check.sh
